/** After this many failed attempts a delivery is parked as `dead`, about 45 minutes after the first. */
export const ATTEMPTS_MAX = 10;

/** A delivery that was begun this often without an end has ended as many processes, and is parked as `dead`. */
export const STARTS_MAX = 4;

/** Recorded for a delivery that was parked because processes ended over it. */
export const PROCESS_ENDED = 'PROCESS_ENDED';

const FIRST_DELAY_MS = 5_000;

/**
 * How long to wait after the `attempts`-th failure: 5 s, doubled each time, give or take 20 % so that what failed together
 * does not come back together. `random` is in [0, 1).
 */
export function retryDelayMs(attempts: number, random: number): number {
  return Math.round(FIRST_DELAY_MS * 2 ** (attempts - 1) * (0.8 + 0.4 * random));
}

const OUTAGE_DELAY_MS_MAX = 60_000;

/**
 * How long a delivery waits that an outage has stopped, milliseconds: as long again as it has waited since it was received, but 5 s
 * at least and a minute at most, give or take 20 %. `random` is in [0, 1).
 */
export function outageDelayMs(waitedMs: number, random: number): number {
  const delayMs = Math.min(Math.max(waitedMs, FIRST_DELAY_MS), OUTAGE_DELAY_MS_MAX);
  return Math.round(delayMs * (0.8 + 0.4 * random));
}

/** What may be written down about a failure: its code or class, never its message, which may quote data. */
export function failureName(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
