import type { ExecutionContext } from '@nestjs/common';

import type { Caller, Callers } from '../identity/callers.js';
import type { Decision } from '../limiter/decision.js';
import { RateLimiter } from '../limiter/rate-limiter.js';
import type { RateLimitMetrics } from '../rate-limit-metrics.js';
import type { LimitedWindow } from '../tiers/limited-window.js';
import type { Tier } from '../tiers/tier.js';
import { type FailureBudget, FailureBudgets } from './failure-budgets.js';
import { isUnauthenticated } from './is-unauthenticated.js';
import type { RateLimitDoor } from './rate-limit-door.js';

/** What one browser opens at once over HTTP/1.1: so many calls may be unproved beside the failures of others from there. */
const UNPROVED_MIN = 6;
/** When a call is worth another try that was one too many to be looked at, milliseconds. */
const UNPROVED_RETRY_MS = 1_000;

export interface AuthenticationFailuresParts {
  readonly limiter: RateLimiter;
  readonly callers: Callers;
  readonly door: RateLimitDoor;
  readonly metrics: RateLimitMetrics;
  /** Whether the guard lets a call through unlooked at. */
  readonly isPublic: (context: ExecutionContext) => boolean;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Failed sign-ins, counted by address in the anonymous tier, apart from what the same address asks of public routes. A call that
 * proves itself costs nothing.
 */
export class AuthenticationFailures {
  readonly #budgets = new FailureBudgets();
  /** Calls by address that were not proved at once, or whose failure is being counted. */
  readonly #unproved = new Map<string, number>();

  constructor(private readonly parts: AuthenticationFailuresParts) {}

  /**
   * In memory.
   *
   * @throws the refusal, where the address of the call is known to have failed too often, or would have if all of its calls failed
   *   that are unproved now; but for the latter 6 always may be
   */
  refuseSpent(context: ExecutionContext): void {
    const { nowMs, door, isPublic } = this.parts;
    if (this.#unproved.size === 0 && !this.#budgets.isAnySpent(nowMs())) return;
    if (door.isSkipped(context) || isPublic(context)) return;
    const caller = this.#callerOf(context);
    const budget = this.#budgets.find(caller.principal, nowMs());
    if (budget?.remaining === 0) {
      this.#refuse(caller, { names: budget.spentWindows, forMs: budget.untilMs - nowMs() }, context);
    }
    this.#refuseUnproved(caller, budget, context);
  }

  /**
   * The guard's answer, which was not `true` at once. Where it says that nobody is proved, that is counted by address; any other
   * refusal is a call like another, and spends a unit of whoever was proved, else of the address.
   *
   * @throws what the guard throws, or 429 once a budget is spent; what cannot be counted stays what it is
   */
  async judge(answer: Promise<boolean>, context: ExecutionContext): Promise<boolean> {
    if (this.parts.door.isSkipped(context)) return answer;
    const caller = this.#callerOf(context);
    const said = await this.#holding(caller, async () => {
      const verdict = await verdictOf(answer);
      if (verdict === 'unauthenticated') await this.#count(caller, context);
      return verdict;
    });
    if (said === 'refused') await this.#charge(context);
    return answer;
  }

  #refuseUnproved(caller: Caller, budget: FailureBudget | undefined, context: ExecutionContext): void {
    const { name, limit } = smallestWindow(caller.tier);
    const unprovedMax = Math.max(budget?.remaining ?? limit, UNPROVED_MIN);
    if ((this.#unproved.get(caller.principal) ?? 0) < unprovedMax) return;
    this.#refuse(caller, { names: [name], forMs: UNPROVED_RETRY_MS }, context);
  }

  /** Unproved until it is done: a failure that Redis is still counting is one. */
  async #holding<T>({ principal }: Caller, prove: () => Promise<T>): Promise<T> {
    this.#unproved.set(principal, (this.#unproved.get(principal) ?? 0) + 1);
    try {
      return await prove();
    } finally {
      const others = (this.#unproved.get(principal) ?? 1) - 1;
      if (others > 0) this.#unproved.set(principal, others);
      else this.#unproved.delete(principal);
    }
  }

  async #count(caller: Caller, context: ExecutionContext): Promise<void> {
    const decision = await this.parts.limiter.decide({ ...caller, cost: 1 });
    if (decision.outcome === 'unavailable') return;
    const { remaining, spentWindows, forMs } = leftBy(decision);
    const untilMs = this.parts.nowMs() + forMs;
    this.#budgets.put(caller.principal, { remaining, spentWindows, untilMs });
    if (decision.outcome === 'limited') this.parts.door.answer(decision, caller, context);
  }

  async #charge(context: ExecutionContext): Promise<void> {
    const { callers, limiter, door } = this.parts;
    let caller;
    try {
      caller = await callers.of(context);
    } catch {
      // The guard has refused already: who it was matters only to whose budget it is.
      caller = callers.anonymous(context);
    }
    const decision = await limiter.decide({ ...caller, cost: 1 });
    if (decision.outcome !== 'unavailable') door.answer(decision, caller, context);
  }

  #refuse(
    caller: Caller,
    { names, forMs }: { names: readonly string[]; forMs: number },
    context: ExecutionContext,
  ): void {
    const budgets = caller.tier.windows
      .filter(({ name }) => names.includes(name))
      .map(({ name, limit, durationMs }) => ({ name, limit, durationMs, remaining: 0, resetMs: forMs }));
    this.parts.metrics.decided(caller.tier.name, 'limited');
    const decision = { outcome: 'limited', budgets, violated: names, retryAfterMs: forMs } as const;
    this.parts.door.answer(decision, caller, context);
  }

  #callerOf(context: ExecutionContext): Caller {
    const { principal, tier } = this.parts.callers.anonymous(context);
    return { principal: `failures:${principal}`, tier };
  }
}

function smallestWindow({ windows }: Tier): LimitedWindow {
  return windows.reduce((smallest, window) => (window.limit < smallest.limit ? window : smallest));
}

function verdictOf(answer: Promise<boolean>): Promise<'admitted' | 'unauthenticated' | 'refused'> {
  return answer.then(
    (isAdmitted) => (isAdmitted ? 'admitted' : 'refused'),
    (error: unknown) => (isUnauthenticated(error) ? 'unauthenticated' : 'refused'),
  );
}

type Answered = Exclude<Decision, { outcome: 'unavailable' }>;

/** What there is for further failures, and how long that holds. */
function leftBy(decision: Answered): {
  remaining: number;
  spentWindows: readonly string[];
  forMs: number;
} {
  if (decision.outcome === 'limited') {
    return { remaining: 0, spentWindows: decision.violated, forMs: decision.retryAfterMs };
  }
  const remaining = Math.min(...decision.budgets.map((budget) => budget.remaining));
  const tightest = decision.budgets.filter((budget) => budget.remaining === remaining);
  return {
    remaining,
    spentWindows: remaining === 0 ? tightest.map(({ name }) => name) : [],
    forMs: Math.max(...tightest.map(({ resetMs }) => resetMs)),
  };
}
