/** Delays before the second to the eighth attempt, seconds. https://docs.svix.com/retries */
const DELAYS_SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
/** Each delay is shortened or lengthened by up to this share (svix-webhooks, server/svix-server/src/worker.rs, JITTER_DELTA). */
const JITTER = 0.2;
/** After 429 or a timeout the next delay is at least this, seconds (worker.rs, OVERLOAD_PENALTY_SECS). */
const OVERLOAD_SECONDS = 60;

export interface FailedAttempt {
  /** 1 for the first. */
  readonly number: number;
  /** True after 429 or a timeout. */
  readonly isOverload: boolean;
  /** What the receiver asked for in `Retry-After`, or null. */
  readonly retryAfterSeconds: number | null;
  /** From 0 (shortest) to 1 (longest). */
  readonly random: number;
}

/** Seconds until the next attempt; null when there is none. */
export function nextDelaySeconds(attempt: FailedAttempt): number | null {
  const base = DELAYS_SECONDS[attempt.number - 1];
  if (base === undefined) return null;
  const jittered = base * (1 + JITTER * (2 * attempt.random - 1));
  // Retry-After is honoured within one to two times the schedule's own delay, so it cannot speed a retry up.
  const asked = Math.min(Math.max(attempt.retryAfterSeconds ?? 0, 0), 2 * base);
  return Math.max(jittered, asked, attempt.isOverload ? OVERLOAD_SECONDS : 0);
}
