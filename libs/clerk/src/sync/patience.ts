import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';

/** Clerk and the database come and go: a job of an hour sits that out. */
const FAILURES_IN_A_ROW_MAX = 5;
const PAUSE_MS = 2_000;
const PAUSE_MS_MAX = 60_000;
const SAT_OUT: ReadonlySet<ClerkErrorCode> = new Set([
  'CLERK_UNAVAILABLE',
  'CLERK_RATE_LIMITED',
  'DATABASE_UNAVAILABLE',
]);

/** Tries again, with growing pauses and not before Clerk wants to be asked again, until something has failed five times in a row. */
export class Patience {
  #failures = 0;

  constructor(private readonly sleep: (ms: number) => Promise<unknown>) {}

  /** @throws what fails for the fifth time, or is no outage */
  async run<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const value = await work();
        this.noteProgress();
        return value;
      } catch (error) {
        this.#failures += 1;
        if (!isOutage(error) || this.#failures >= FAILURES_IN_A_ROW_MAX) throw error;
        const askedMs = (error.retryAfterSeconds ?? 0) * 1_000;
        await this.sleep(Math.min(PAUSE_MS_MAX, Math.max(askedMs, PAUSE_MS * 2 ** this.#failures)));
      }
    }
  }

  /** Says that the work in hand has come on: a failure after this is the first in a row. */
  noteProgress(): void {
    this.#failures = 0;
  }
}

function isOutage(error: unknown): error is ClerkError {
  return error instanceof ClerkError && SAT_OUT.has(error.code);
}
