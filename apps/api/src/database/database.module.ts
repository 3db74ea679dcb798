import { type DynamicModule, Module } from '@nestjs/common';

import type { DatabaseOptions } from './database-connection.js';
import { PrismaService } from './prisma.service.js';

@Module({})
export class DatabaseModule {
  static register(options: DatabaseOptions): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [{ provide: PrismaService, useFactory: () => PrismaService.open(options) }],
      exports: [PrismaService],
    };
  }
}
