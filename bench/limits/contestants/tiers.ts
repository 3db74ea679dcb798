import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';

import { startNest } from '../../auth/contestants/nest-server.js';
import { RateLimitModule, TierRateLimitGuard } from '../../../libs/rate-limit/src/index.js';
import { BreakerWatch, PATIENCE_MS } from '../breaker-watch.js';
import { callerOf, type LimitedServer, type ServerOptions } from './limited-server.js';
import { WhoController } from './who.controller.js';

/** nest-rate-tiers as a user has it: its guard for the application, but that it waits longer for Redis. */
export async function start({ redisUrl, windows }: ServerOptions): Promise<LimitedServer> {
  const metrics = new BreakerWatch();

  @Module({
    imports: [
      RateLimitModule.register({
        tiers: { caller: { windows } },
        anonymousTier: 'caller',
        fallbackTier: 'caller',
        identify: (context) => ({
          principal: callerOf(context.switchToHttp().getRequest()),
          tier: 'caller',
        }),
        metrics,
        ...(redisUrl === null ? {} : { redis: { target: [redisUrl], answerMsMax: PATIENCE_MS } }),
      }),
    ],
    controllers: [WhoController],
    providers: [{ provide: APP_GUARD, useClass: TierRateLimitGuard }],
  })
  class AppModule {}

  const { port } = await startNest(AppModule);
  return { port, check: () => metrics.check() };
}
