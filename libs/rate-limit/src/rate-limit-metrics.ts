import type { Decision } from './limiter/decision.js';

/** Whether requests go to Redis (`closed`), or are answered without it because it does not answer (`open`). */
export type BreakerState = 'closed' | 'open';

/** What a limiter tells of itself. Override what is of interest; called on the way of every request, so it must neither wait nor throw. */
export abstract class RateLimitMetrics {
  /** `tier`: its name, one of few. */
  decided(_tier: string, _outcome: Decision['outcome']): void {}

  /** Milliseconds that one decision of Redis took, the way there and back. Failures are not told here. */
  redisAnswered(_durationMs: number): void {}

  /** Told for the state at the start, too, which is `open` until the first connection. */
  breakerChanged(_state: BreakerState): void {}

  /** A request of a leased tier was answered from this process's lease, or had to ask Redis. */
  leaseAsked(_wasHit: boolean): void {}
}

/** Tells nobody. */
export class NoMetrics extends RateLimitMetrics {}
