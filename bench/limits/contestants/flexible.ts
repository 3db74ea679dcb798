import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  Injectable,
  Inject,
  Module,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Redis } from 'ioredis';
import { type RateLimiterRes, RateLimiterUnion } from 'rate-limiter-flexible';

import { startNest } from '../../auth/contestants/nest-server.js';
import { flexibleUnion } from '../deciders.js';
import { callerOf, type LimitedServer, type ServerOptions } from './limited-server.js';
import { WhoController } from './who.controller.js';

/** The guard that the README of rate-limiter-flexible leads to. */
@Injectable()
class UnionGuard implements CanActivate {
  constructor(@Inject(RateLimiterUnion) private readonly union: RateLimiterUnion) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    try {
      await this.union.consume(callerOf(http.getRequest()));
      return true;
    } catch (rejection) {
      if (rejection instanceof Error) throw rejection;
      // What each window that refuses says.
      const answers = Object.values(rejection as Record<string, RateLimiterRes>);
      const waitMs = Math.max(...answers.map(({ msBeforeNext }) => msBeforeNext));
      http
        .getResponse<{ header: (name: string, value: string) => void }>()
        .header('retry-after', String(Math.ceil(waitMs / 1_000)));
      throw new HttpException('Too Many Requests', 429);
    }
  }
}

/** Nest on Fastify with a guard that asks a union of rate-limiter-flexible. */
export async function start({ redisUrl, windows }: ServerOptions): Promise<LimitedServer> {
  const union = flexibleUnion(redisUrl === null ? null : new Redis(redisUrl), windows);

  @Module({
    controllers: [WhoController],
    providers: [
      { provide: RateLimiterUnion, useValue: union },
      { provide: APP_GUARD, useClass: UnionGuard },
    ],
  })
  class AppModule {}

  return startNest(AppModule);
}
