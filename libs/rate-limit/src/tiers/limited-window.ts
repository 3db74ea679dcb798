/**
 * How a window counts.
 * - `log`: the time of every unit is kept, so the limit holds over every stretch of `durationMs`.
 * - `counter`: one number, from the first unit on for `durationMs`, then anew.
 */
export type WindowAlgorithm = 'log' | 'counter';

/** So many units in so much time. Tiers whose windows have the same duration and algorithm share what a principal has spent there. */
export interface LimitedWindow {
  /** Unique within its tier; what clients see in `RateLimit-Policy`. */
  readonly name: string;
  /** Units, a positive integer. */
  readonly limit: number;
  /** Milliseconds, from 1 to 30 days. */
  readonly durationMs: number;
  readonly algorithm: WindowAlgorithm;
}
