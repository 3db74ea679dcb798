/** Unix time, milliseconds. */
export type Now = () => number;

/** The next `updated_at` of an object: now, or one later than the last where the clock has not moved. */
export function later(nowMs: number, previousMs: number): number {
  return Math.max(nowMs, previousMs + 1);
}
