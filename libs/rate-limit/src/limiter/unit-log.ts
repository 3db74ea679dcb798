import type { LimitedWindow } from '../tiers/limited-window.js';

/** A power of two. Ten a minute, the commonest limit of an account, fit without growing. */
const UNITS_AT_FIRST = 16;

/** The time of every unit spent in the last `durationMs`, in a ring that grows with need. Pure: times come from the caller and never go back. */
export class UnitLog {
  readonly algorithm = 'log';
  #stampsMs: number[] = emptyRing(UNITS_AT_FIRST);
  #first = 0;
  #length = 0;

  readonly durationMs: number;

  /** @param window may be replaced by one of the same duration and algorithm */
  constructor(public window: LimitedWindow) {
    this.durationMs = window.durationMs;
  }

  /** Units that counted when `usedAt` was last asked, and what was spent since. */
  get count(): number {
    return this.#length;
  }

  /** Units that count at `nowMs`. Each is dropped once, so this is O(1) over time, however many there are. */
  usedAt(nowMs: number): number {
    const goneMs = nowMs - this.durationMs;
    while (this.#length > 0 && this.#stampOf(0) <= goneMs) {
      this.#first = (this.#first + 1) & (this.#stampsMs.length - 1);
      this.#length -= 1;
    }
    return this.#length;
  }

  /** No more are kept than the limit: of a window that is only counted, where no tier has a larger one, so that older ones cannot matter. */
  spend(units: number, nowMs: number): void {
    const unitsMax = this.window.limit;
    const added = Math.min(units, unitsMax);
    const excess = this.#length + added - unitsMax;
    if (excess > 0) {
      this.#first = (this.#first + excess) & (this.#stampsMs.length - 1);
      this.#length -= excess;
    }
    while (this.#length + added > this.#stampsMs.length) this.#grow();
    for (let index = 0; index < added; index += 1) {
      this.#stampsMs[(this.#first + this.#length) & (this.#stampsMs.length - 1)] = nowMs;
      this.#length += 1;
    }
  }

  /** Milliseconds until `units` of those that count have left; the whole duration when there are not so many. */
  waitMs(units: number, nowMs: number): number {
    if (units > this.#length || units < 1) return this.durationMs;
    // In this order, so that what was spent just now comes back after exactly the duration.
    return this.durationMs - (nowMs - this.#stampOf(units - 1));
  }

  #stampOf(index: number): number {
    return this.#stampsMs[(this.#first + index) & (this.#stampsMs.length - 1)] ?? 0;
  }

  /** To twice the size: a power of two, so that a mask wraps the ring. */
  #grow(): void {
    const larger = emptyRing(this.#stampsMs.length * 2);
    for (let index = 0; index < this.#length; index += 1) larger[index] = this.#stampOf(index);
    this.#stampsMs = larger;
    this.#first = 0;
  }
}

/** Of no whole number, so that the engine keeps it as plain doubles, as it does a typed array, which takes ten times as long to make. */
function emptyRing(length: number): number[] {
  return Array<number>(length).fill(0.5);
}
