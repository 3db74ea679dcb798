import { type DynamicModule, Module } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';
import { ClerkModule, type ClerkModuleOptions } from 'nest-clerk';

import type { Environment } from '../config/environment.js';
import { PrismaService } from '../database/prisma.service.js';
import { REDIS } from '../redis/redis.module.js';
import { EmbeddedClerk } from './embedded-clerk.js';

/** Where Clerk's webhooks come in: the first is for new set-ups, the others for endpoints that are configured already. */
export const WEBHOOK_PATHS = ['webhooks/clerk', 'api/webhooks/clerk', 'api/webhook/clerk'];

/** ClerkModule on this service's database and Redis, against Clerk or the offline one. */
@Module({})
export class ClerkHostModule {
  static register({ isSandboxed, sandboxPort }: Environment): DynamicModule {
    const embedded = {
      provide: EmbeddedClerk,
      useFactory: () => (isSandboxed ? EmbeddedClerk.start(sandboxPort) : null),
    };
    return {
      module: ClerkHostModule,
      imports: [
        ClerkModule.registerAsync({
          webhookPath: WEBHOOK_PATHS,
          inject: [PrismaService, REDIS, EmbeddedClerk],
          useFactory: (
            database: PrismaService,
            redis: Redis | Cluster | null,
            clerk: EmbeddedClerk | null,
          ): ClerkModuleOptions => ({ ...clerk?.options, database, ...(redis === null ? {} : { redis }) }),
        }),
      ],
      providers: [embedded],
      exports: [EmbeddedClerk],
      global: true,
    };
  }
}
