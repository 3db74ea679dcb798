import { Module } from '@nestjs/common';

import { startNest } from '../../auth/contestants/nest-server.js';
import type { LimitedServer } from './limited-server.js';
import { WhoController } from './who.controller.js';

@Module({ controllers: [WhoController] })
class AppModule {}

/** Nest on Fastify, no limit. */
export async function start(): Promise<LimitedServer> {
  return startNest(AppModule);
}
