import { type BreakerState, RateLimitMetrics } from '../../libs/rate-limit/src/rate-limit-metrics.js';

/** Milliseconds. On a busy machine Redis is waited for all the same: a decision without it would be timed in its place. */
export const PATIENCE_MS = 1_000;

/** Sees to it that what is timed as a decision of Redis is one. */
export class BreakerWatch extends RateLimitMetrics {
  #openings = 0;

  override breakerChanged(state: BreakerState): void {
    if (state === 'open') this.#openings += 1;
  }

  /** @throws Error when Redis was not asked at some time; it is open once, before the first connection */
  check(): void {
    if (this.#openings > 1) throw new Error('nest-rate-tiers decided without Redis.');
  }
}
