import type { Tier } from '../tiers/tier.js';
import type { Decision } from './decision.js';

/** One request that asks to be let through. */
export interface LimitRequest {
  /** Who asks: `user:user_1`, `ip:192.0.2.7`. Any text of up to a few hundred characters; the limiter makes it fit for its keys. */
  readonly principal: string;
  readonly tier: Tier;
  /** Units that it spends, a positive integer. */
  readonly cost: number;
}

/** Decides over all windows of a tier in one atomic step: all of them are charged, or none. */
export abstract class RateLimiter {
  /** Not a promise where the answer is in memory. Never throws for trouble of what is behind it: that is `unavailable`. */
  abstract decide(request: LimitRequest): Decision | Promise<Decision>;
}
