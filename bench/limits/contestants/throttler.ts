import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';

import { startNest } from '../../auth/contestants/nest-server.js';
import { throttlerStorage } from '../deciders.js';
import { callerOf, type LimitedServer, type ServerOptions } from './limited-server.js';
import { WhoController } from './who.controller.js';

/** @nestjs/throttler with two named throttlers, as its README has them, and nest-lab's storage where there is a Redis. */
export async function start({ redisUrl, windows }: ServerOptions): Promise<LimitedServer> {
  @Module({
    imports: [
      ThrottlerModule.forRoot({
        throttlers: windows.map(({ name, limit, durationMs }) => ({ name, limit, ttl: durationMs })),
        storage: throttlerStorage(redisUrl),
        getTracker: (_request, context) => callerOf(context.switchToHttp().getRequest()),
      }),
    ],
    controllers: [WhoController],
    providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
  })
  class AppModule {}

  return startNest(AppModule);
}
