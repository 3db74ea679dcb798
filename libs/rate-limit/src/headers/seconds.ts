import type { WindowBudget } from '../limiter/decision.js';

/** Never early: rounded up. */
export function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}

/** Never more than the window has, whatever a sum of fractions makes of it: 60.0000001 s are no 61 s. */
export function resetSeconds({ resetMs, durationMs }: WindowBudget): number {
  return wholeSeconds(Math.min(resetMs, durationMs));
}
