import type { ClerkError, ClerkErrorCode } from '../clerk-error.js';

const ATTEMPTS_MAX = 3;
/** Doubled from one attempt to the next. */
const FIRST_PAUSE_MS = 200;
const RETRIED: ReadonlySet<ClerkErrorCode> = new Set(['CLERK_UNAVAILABLE', 'CLERK_RATE_LIMITED']);

/**
 * How long to wait before a failed request is made again, milliseconds; null for never.
 *
 * `attempt`: how many have failed, from 1. `random`: 0 to 1; it keeps those who failed together from coming back together.
 */
export function retryPauseMs(failed: { error: ClerkError; attempt: number; random: number }): number | null {
  const { error, attempt, random } = failed;
  if (attempt >= ATTEMPTS_MAX || !RETRIED.has(error.code)) return null;
  const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1);
  if (error.retryAfterSeconds === undefined) return pauseMs * (0.5 + random);
  // Never earlier than Clerk asks for.
  return error.retryAfterSeconds * 1_000 + pauseMs * random;
}
