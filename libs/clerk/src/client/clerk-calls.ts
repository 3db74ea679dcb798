import { setTimeout as wait } from 'node:timers/promises';

import { type Answer, ask } from './ask.js';
import { type CallLane, callsMaxOf, createCallLanes, type LaneName } from './call-lanes.js';
import { retryPauseMs } from './retry-pause.js';

export interface ClerkCall<T> {
  /** Names the call in messages. */
  readonly what: string;
  readonly request: () => Promise<T>;
  /** How many HTTP requests `request` makes. @default 1 */
  readonly requests?: number;
  /** Whether the request made twice does what it does made once. @default false */
  readonly isRepeatable?: boolean;
  /** @default 'host' */
  readonly lane?: LaneName;
}

export interface ClerkCallsOptions {
  readonly secretKey: string | null;
  /** Longest wait for one answer, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Waits before a retry, milliseconds. @default a timer */
  readonly sleep?: (ms: number) => Promise<unknown>;
}

/**
 * The way of every call to Clerk: retries around a turn in the budget, around the breaker, around a timeout.
 *
 * A request starts within the patience of its lane (`requestTimeoutMs`; a machine token's 1 s, a long job's 60 s) and always
 * has `requestTimeoutMs` to itself: a call takes as long as both together at most, and our own haste never opens the breaker.
 */
export class ClerkCalls {
  readonly #lanes: Readonly<Record<LaneName, CallLane>>;
  readonly #timeoutMs: number;
  readonly #sleep: (ms: number) => Promise<unknown>;

  constructor({ secretKey, requestTimeoutMs, sleep = wait }: ClerkCallsOptions) {
    this.#sleep = sleep;
    this.#timeoutMs = requestTimeoutMs;
    this.#lanes = createCallLanes({ callsMax: callsMaxOf(secretKey), requestTimeoutMs });
  }

  /** @throws ClerkError what Clerk answered last, or CLERK_UNAVAILABLE, CLERK_RATE_LIMITED without asking */
  async run<T>(call: ClerkCall<T>): Promise<T> {
    const startBeforeMs = Date.now() + this.#lanes[call.lane ?? 'host'].patienceMs;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#attempt(call, startBeforeMs);
      if (answer.outcome === 'answered') return answer.value;
      const { error } = answer;
      const pauseMs =
        call.isRepeatable === true ? retryPauseMs({ error, attempt, random: Math.random() }) : null;
      if (pauseMs === null || Date.now() + pauseMs > startBeforeMs) throw error;
      await this.#sleep(pauseMs);
    }
  }

  /** @throws ClerkError where the request is not made: that is final, retrying would only make it later */
  async #attempt<T>(call: ClerkCall<T>, startBeforeMs: number): Promise<Answer<T>> {
    const { budgets, breaker } = this.#lanes[call.lane ?? 'host'];
    // Before the queue: what will not be asked needs no turn.
    breaker.requireClosed();
    const inTurn = <R>(work: () => Promise<R>): Promise<R> =>
      budgets.reduceRight((inner, budget) => () => budget.run(inner, startBeforeMs), work)();
    for (let more = 1; more < (call.requests ?? 1); more += 1) await inTurn(() => Promise.resolve());
    return inTurn(() => breaker.run(() => ask({ ...call, timeoutMs: this.#timeoutMs })));
  }
}
