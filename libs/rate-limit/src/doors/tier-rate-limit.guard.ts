import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';

import { RateLimitDoor } from './rate-limit-door.js';

/**
 * Lets a call through while its caller's tier has units left: put it behind the guard that proves who calls, with
 * `@UseGuards(TierRateLimitGuard)` or as `APP_GUARD`. HTTP on Fastify and Express, GraphQL (each resolver that it stands before
 * spends), gateways and microservice handlers.
 *
 * Refusals: 429 `RATE_LIMITED`; 503 `RATE_LIMIT_UNAVAILABLE` while nobody can count and the tier is `closed`.
 */
@Injectable()
export class TierRateLimitGuard implements CanActivate {
  constructor(private readonly door: RateLimitDoor) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    return this.door.admit(context);
  }
}
