import type { LimitedWindow } from '../tiers/limited-window.js';

/** How many units were spent since the first of them, for `durationMs`, then anew. Pure: times come from the caller and never go back. */
export class UnitCounter {
  readonly algorithm = 'counter';
  #units = 0;
  #startMs = Number.NEGATIVE_INFINITY;

  readonly durationMs: number;

  /** @param window may be replaced by one of the same duration and algorithm */
  constructor(public window: LimitedWindow) {
    this.durationMs = window.durationMs;
  }

  /** Units that counted when `usedAt` was last asked, and what was spent since. */
  get count(): number {
    return this.#units;
  }

  /** Units that count at `nowMs`. */
  usedAt(nowMs: number): number {
    if (nowMs - this.#startMs >= this.durationMs) this.#units = 0;
    return this.#units;
  }

  spend(units: number, nowMs: number): void {
    if (nowMs - this.#startMs >= this.durationMs) {
      this.#units = 0;
      this.#startMs = nowMs;
    }
    this.#units += units;
  }

  /** Milliseconds until `units` of those that count have left, which is when all do; the whole duration when there are not so many. */
  waitMs(units: number, nowMs: number): number {
    return units <= this.#units ? this.durationMs - (nowMs - this.#startMs) : this.durationMs;
  }
}
