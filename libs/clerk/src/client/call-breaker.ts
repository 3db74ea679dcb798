import { Logger } from '@nestjs/common';
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhenResult } from 'cockatiel';

import { ClerkError } from '../clerk-error.js';
import type { Answer } from './ask.js';

/** So many requests in a row without an answer: Clerk is down for all of us. */
const FAILURES_MAX = 5;
/** After this one request tries again, and the others wait for what becomes of it. */
const OPEN_MS = 10_000;

/** Stops asking a Clerk that does not answer. Whatever Clerk answers, a refusal too, shows that it is there. */
export class CallBreaker {
  readonly #logger = new Logger(CallBreaker.name);
  readonly #policy = circuitBreaker(handleWhenResult(isOutage), {
    breaker: new ConsecutiveBreaker(FAILURES_MAX),
    halfOpenAfter: OPEN_MS,
  });
  #openUntilMs = 0;
  #isReported = false;

  /** @param what names in the log what is not asked for any more. */
  constructor(what: string) {
    this.#policy.onBreak(() => {
      this.#openUntilMs = Date.now() + OPEN_MS;
      this.#report(true, () =>
        this.#logger.warn(`Clerk does not answer: ${what} fail at once, and one of them tries every 10 s.`),
      );
    });
    this.#policy.onReset(() =>
      this.#report(false, () => this.#logger.log(`Clerk answers again: ${what} go through.`)),
    );
  }

  /** @throws ClerkError CLERK_UNAVAILABLE with `retryAfterSeconds` while Clerk is not asked, or by one request only */
  requireClosed(): void {
    const { state } = this.#policy;
    const leftMs = this.#openUntilMs - Date.now();
    if (state === CircuitState.Closed || (state === CircuitState.Open && leftMs <= 0)) return;
    throw new ClerkError('CLERK_UNAVAILABLE', 'Clerk has not answered of late, and is not asked again yet.', {
      retryAfterSeconds: Math.max(1, Math.ceil(leftMs / 1_000)),
    });
  }

  /** @throws ClerkError CLERK_UNAVAILABLE as `requireClosed` does */
  async run<T>(request: () => Promise<Answer<T>>): Promise<Answer<T>> {
    this.requireClosed();
    return this.#policy.execute(request);
  }

  /** Once for each change: a try that fails opens the breaker anew, and is no news. */
  #report(isOpen: boolean, write: () => void): void {
    if (this.#isReported === isOpen) return;
    this.#isReported = isOpen;
    write();
  }
}

function isOutage(result: unknown): boolean {
  // `run` takes requests that give answers only; cockatiel asks without their type.
  const answer = result as Answer<unknown>;
  return answer.outcome === 'failed' && answer.error.code === 'CLERK_UNAVAILABLE';
}
