import { type ExecutionContext, HttpException, Logger } from '@nestjs/common';

import { LIMITER_UNAVAILABLE, quotaExceeded, type RefusalBody } from '../answers/refusal.js';
import type { Refusals } from '../answers/refusals.js';
import type { HeaderSink, RateLimitHeaders } from '../headers/rate-limit-headers.js';
import { resetSeconds, wholeSeconds } from '../headers/seconds.js';
import type { Caller, Callers } from '../identity/callers.js';
import type { Decision } from '../limiter/decision.js';
import { RateLimiter } from '../limiter/rate-limiter.js';
import { RouteLimits } from './route-limits.js';

/** When a caller may try again whom `identify` could not tell, seconds. */
const UNIDENTIFIED_RETRY_SECONDS = 5;
/** A failing `identify` is logged this often at most, milliseconds. */
const LOG_INTERVAL_MS = 10_000;

export interface DoorParts {
  readonly limiter: RateLimiter;
  readonly callers: Callers;
  readonly headers: RateLimitHeaders;
  readonly refusals: Refusals;
  readonly skip: (context: ExecutionContext) => boolean;
}

type Limited = Extract<Decision, { outcome: 'limited' }>;

/** What guard and interceptor have in common: lets a call through, or throws what its transport answers with. */
export class RateLimitDoor {
  readonly #logger = new Logger('RateLimit');
  readonly #routes = new RouteLimits();
  /** By the names of the windows. */
  readonly #quotaExceeded = new Map<string, RefusalBody>();
  #loggedAtMs = -Infinity;

  constructor(private readonly parts: DoorParts) {}

  isSkipped(context: ExecutionContext): boolean {
    return this.#routes.of(context).isSkipped || this.parts.skip(context);
  }

  /**
   * Charges whoever makes the call. Not a promise where everything that is needed is in memory.
   *
   * @throws the refusal; what `identify` throws, where that is an HttpException
   */
  admit(context: ExecutionContext): true | Promise<true> {
    if (this.isSkipped(context)) return true;
    let caller;
    try {
      caller = this.parts.callers.of(context);
    } catch (error) {
      throw this.#unidentified(error, context);
    }
    return 'then' in caller ? this.#admitLater(caller, context) : this.#charge(caller, context);
  }

  /** Tells what is left, and throws where nothing is. */
  answer(decision: Decision, caller: Caller, context: ExecutionContext): true {
    if (decision.outcome === 'unavailable') {
      if (caller.tier.whenUnavailable === 'open') return true;
      throw this.#refusal(LIMITER_UNAVAILABLE, wholeSeconds(decision.retryAfterMs), context);
    }
    if (context.getType() === 'http') {
      this.parts.headers.write(context.getArgByIndex<HeaderSink>(1), caller.tier, decision.budgets);
    }
    if (decision.outcome === 'allowed') return true;
    throw this.#refusal(this.#bodyOf(decision), retryAfterSeconds(decision), context);
  }

  async #admitLater(caller: PromiseLike<Caller>, context: ExecutionContext): Promise<true> {
    let known;
    try {
      known = await caller;
    } catch (error) {
      throw this.#unidentified(error, context);
    }
    return this.#charge(known, context);
  }

  #charge(caller: Caller, context: ExecutionContext): true | Promise<true> {
    const { cost } = this.#routes.of(context);
    const decision = this.parts.limiter.decide({ principal: caller.principal, tier: caller.tier, cost });
    return decision instanceof Promise
      ? decision.then((made) => this.answer(made, caller, context))
      : this.answer(decision, caller, context);
  }

  #bodyOf({ violated }: Limited): RefusalBody {
    const key = violated.length === 1 ? String(violated[0]) : JSON.stringify(violated);
    let body = this.#quotaExceeded.get(key);
    if (body === undefined) this.#quotaExceeded.set(key, (body = quotaExceeded([...violated])));
    return body;
  }

  #refusal(body: RefusalBody, retryAfterSeconds: number, context: ExecutionContext): Error {
    if (context.getType() === 'http') {
      context.getArgByIndex<HeaderSink>(1).header('retry-after', String(retryAfterSeconds));
    }
    return this.parts.refusals.of(body, retryAfterSeconds, context);
  }

  /** Who cannot be told apart cannot be counted: refused. The host's own exceptions stay what they are. */
  #unidentified(error: unknown, context: ExecutionContext): unknown {
    if (error instanceof HttpException) return error;
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs >= LOG_INTERVAL_MS) {
      this.#loggedAtMs = nowMs;
      this.#logger.error(`identify() failed (${nameOf(error)}): such calls are answered 503.`);
    }
    return this.#refusal(LIMITER_UNAVAILABLE, UNIDENTIFIED_RETRY_SECONDS, context);
  }
}

/** Not before the request fits, and not before units come back to a window that it did not fit into. */
function retryAfterSeconds({ budgets, violated, retryAfterMs }: Limited): number {
  const resets = budgets.filter(({ name }) => violated.includes(name)).map(resetSeconds);
  return Math.max(wholeSeconds(retryAfterMs), ...resets);
}

/** An error's code or name; its text may quote data. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
