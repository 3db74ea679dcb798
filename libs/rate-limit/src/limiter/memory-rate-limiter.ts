import type { Decision, WindowBudget } from './decision.js';
import { type Account, MemoryAccounts, type WindowUnits } from './memory-accounts.js';
import { principalMapKey } from './principal-key.js';
import { type LimitRequest, RateLimiter } from './rate-limiter.js';

export interface MemoryRateLimiterOptions {
  /**
   * Principals that are remembered, at least 1. One more, and of eight, which change from time to time, the longest unused is forgotten
   * with what it has spent, or one that has nothing spent any more.
   */
  readonly principalsMax: number;
  /** Milliseconds of a clock that never goes back. @default performance.now */
  readonly nowMs?: () => number;
}

/** For one process: all in memory, answered at once, O(1) a decision. It has no timer; what has expired goes as it is met. */
export class MemoryRateLimiter extends RateLimiter {
  readonly #accounts: MemoryAccounts;
  readonly #nowMs: () => number;

  constructor({ principalsMax, nowMs = () => performance.now() }: MemoryRateLimiterOptions) {
    super();
    this.#accounts = new MemoryAccounts(principalsMax);
    this.#nowMs = nowMs;
  }

  /** Principals that are remembered. */
  get principals(): number {
    return this.#accounts.size;
  }

  decide({ principal, tier, cost }: LimitRequest): Decision {
    const nowMs = this.#nowMs();
    const account = this.#accounts.use(principalMapKey(principal), tier, nowMs);
    for (const units of account.enforced) {
      if (units.usedAt(nowMs) + cost > units.window.limit) return limited(account, cost, nowMs);
    }
    for (const units of account.enforced) units.spend(cost, nowMs);
    for (const units of account.counted) units.spend(cost, nowMs);
    return { outcome: 'allowed', budgets: budgetsOf(account, nowMs) };
  }
}

function limited(account: Account, cost: number, nowMs: number): Decision {
  const violated: string[] = [];
  let retryAfterMs = 1;
  for (const units of account.enforced) {
    const { name, limit } = units.window;
    const excess = units.usedAt(nowMs) + cost - limit;
    if (excess > 0) {
      violated.push(name);
      retryAfterMs = Math.max(retryAfterMs, Math.ceil(units.waitMs(excess, nowMs)));
    }
  }
  return { outcome: 'limited', budgets: budgetsOf(account, nowMs), violated, retryAfterMs };
}

function budgetsOf({ enforced }: Account, nowMs: number): readonly WindowBudget[] {
  return enforced.map((units) => budgetOf(units, nowMs));
}

function budgetOf(units: WindowUnits, nowMs: number): WindowBudget {
  const { name, limit, durationMs } = units.window;
  const remaining = Math.max(0, limit - units.count);
  return { name, limit, durationMs, remaining, resetMs: Math.ceil(units.waitMs(1, nowMs)) };
}
