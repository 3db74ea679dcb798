import PQueue from 'p-queue';

import { ClerkError } from '../clerk-error.js';

/** Clerk counts requests in ten seconds. https://clerk.com/docs/guides/how-clerk-works/system-limits */
const WINDOW_MS = 10_000;

export interface CallBudgetOptions {
  /** Most calls that start within any ten seconds; as many may wait for their turn. */
  readonly callsMax: number;
  /** Most calls under way at once. */
  readonly concurrencyMax: number;
}

/** Lets calls start as fast as Clerk allows, in the order they came. What cannot start in time is refused, not piled up. */
export class CallBudget {
  readonly #callsMax: number;
  readonly #queue: PQueue;
  /** When the latest `callsMax` calls started, oldest first: p-queue does not tell how long a wait will be. */
  readonly #startsMs: number[] = [];

  constructor({ callsMax, concurrencyMax }: CallBudgetOptions) {
    this.#callsMax = callsMax;
    this.#queue = new PQueue({
      concurrency: concurrencyMax,
      intervalCap: callsMax,
      interval: WINDOW_MS,
      strict: true,
    });
  }

  /**
   * Runs `work` when its turn comes.
   *
   * @param startBeforeMs Unix time, milliseconds
   * @throws ClerkError CLERK_RATE_LIMITED with `retryAfterSeconds`: at once where it is known that the turn would come later
   */
  async run<T>(work: () => Promise<T>, startBeforeMs: number): Promise<T> {
    const leftMs = Math.max(0, startBeforeMs - Date.now());
    const waitMs = this.#waitMs();
    if (waitMs > leftMs || this.#queue.size >= this.#callsMax) throw limited(waitMs);
    const turn = new AbortController();
    const timer = setTimeout(() => turn.abort(limited(this.#waitMs())), leftMs);
    const start = (): Promise<T> => {
      clearTimeout(timer);
      this.#noteStart();
      return work();
    };
    return this.#queue.add(start, { signal: turn.signal });
  }

  /** How long a call that came now would wait for the window, milliseconds. */
  #waitMs(): number {
    if (this.#queue.size >= this.#callsMax) return WINDOW_MS;
    const startMs = this.#startsMs[this.#startsMs.length - this.#callsMax + this.#queue.size];
    return startMs === undefined ? 0 : Math.max(0, startMs + WINDOW_MS - Date.now());
  }

  #noteStart(): void {
    this.#startsMs.push(Date.now());
    if (this.#startsMs.length > this.#callsMax) this.#startsMs.shift();
  }
}

function limited(waitMs: number): ClerkError {
  return new ClerkError(
    'CLERK_RATE_LIMITED',
    'This process has made as many calls as Clerk allows. Try again later.',
    { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) },
  );
}
