import type { Tier } from '../tiers/tier.js';
import type { Decision } from './decision.js';
import type { LimitRequest } from './rate-limiter.js';

type Limited = Extract<Decision, { outcome: 'limited' }>;

interface Blocked {
  readonly tier: Tier;
  /** Requests of this many units and more are known not to fit. */
  readonly cost: number;
  readonly decision: Limited;
  readonly decidedAtMs: number;
}

/** So long a decision is taken for true at most, milliseconds: another process may give units back, or Redis lose its data. */
const TRUSTED_MS_MAX = 2_000;

/**
 * Principals that are known not to get through for a while, so that their requests need not be decided again: for as long as the decision
 * said, a millisecond less for its rounding, and for 2 seconds at most. Told again, it tells of the windows that were violated and no
 * others, of which it may know no more. Over the bound the one that was put in first goes, and is decided again.
 */
export class BlockedPrincipals {
  readonly #blocked = new Map<string, Blocked>();

  constructor(private readonly principalsMax: number) {}

  get size(): number {
    return this.#blocked.size;
  }

  /** @param askedAtMs before the decision was made: the time it tells runs from then on at the latest */
  add({ principal, tier, cost }: LimitRequest, decision: Limited, askedAtMs: number): void {
    this.#blocked.delete(principal);
    if (this.#blocked.size >= this.principalsMax) {
      for (const first of this.#blocked.keys()) {
        this.#blocked.delete(first);
        break;
      }
    }
    this.#blocked.set(principal, { tier, cost, decision, decidedAtMs: askedAtMs });
  }

  /** Null where it is not known: another tier, fewer units, or long enough ago. */
  find({ principal, tier, cost }: LimitRequest, nowMs: number): Limited | null {
    const blocked = this.#blocked.get(principal);
    if (blocked === undefined || blocked.tier !== tier || cost < blocked.cost) return null;
    const { decision, decidedAtMs } = blocked;
    const elapsedMs = nowMs - decidedAtMs;
    if (elapsedMs < Math.min(decision.retryAfterMs - 1, TRUSTED_MS_MAX)) return later(decision, elapsedMs);
    this.#blocked.delete(principal);
    return null;
  }

  delete(principal: string): void {
    this.#blocked.delete(principal);
  }
}

function later({ budgets, violated, retryAfterMs }: Limited, elapsedMs: number): Limited {
  const told = budgets.filter(({ name }) => violated.includes(name));
  return {
    outcome: 'limited',
    budgets: told.map(({ name, limit, durationMs, remaining, resetMs }) => ({
      name,
      limit,
      durationMs,
      remaining,
      resetMs: millisecondsAfter(resetMs, elapsedMs),
    })),
    violated,
    retryAfterMs: millisecondsAfter(retryAfterMs, elapsedMs),
  };
}

function millisecondsAfter(ms: number, elapsedMs: number): number {
  return Math.max(1, Math.ceil(ms - elapsedMs));
}
