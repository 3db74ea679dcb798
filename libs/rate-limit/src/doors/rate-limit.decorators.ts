import { Reflector } from '@nestjs/core';

import { RateLimitError } from '../rate-limit-error.js';

export interface RouteCost {
  /** Units that one call spends, a whole number from 1. */
  readonly cost: number;
}

/** What `@RateLimit()` leaves. */
export const RouteCosts = Reflector.createDecorator<RouteCost>();

/**
 * `@RateLimit({ cost: 5 })`: what a call to this handler, or to any of this controller, spends. A cost over the limit of a window
 * is never let through there. @default 1
 *
 * @throws RateLimitError COST_INVALID where it stands, so at boot, when the cost is no whole number from 1
 */
export function RateLimit({ cost }: RouteCost) {
  if (Number.isSafeInteger(cost) && cost >= 1) return RouteCosts({ cost });
  throw new RateLimitError('COST_INVALID', '@RateLimit({ cost }) must be a whole number from 1.');
}

/** What `@SkipRateLimit()` leaves. */
export const SkippedRoutes = Reflector.createDecorator<boolean>();

/**
 * `@SkipRateLimit()`: calls to this handler or controller are neither counted nor refused; `@SkipRateLimit(false)` on a handler
 * takes back what its controller says.
 */
export function SkipRateLimit(isSkipped = true) {
  return SkippedRoutes(isSkipped);
}
