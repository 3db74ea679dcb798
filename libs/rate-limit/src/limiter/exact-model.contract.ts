import type { LimitedWindow } from '../tiers/limited-window.js';
import type { Tier } from '../tiers/tier.js';

interface Spent {
  readonly atMs: number;
  readonly cost: number;
}

/** What an exact limiter says: everything that was ever admitted is kept, and looked through for every request. */
export class ExactModel {
  readonly #spent: Spent[] = [];

  /** `waits`: by window that the request does not fit into, in milliseconds. `remaining`: by window, after the request. */
  decide(tier: Tier, cost: number, atMs: number): { waits: Record<string, number>; remaining: number[] } {
    const waits = Object.fromEntries(
      tier.windows
        .filter((window) => this.#unitsIn(window, atMs).length + cost > window.limit)
        .map((window) => [window.name, this.#waitMs(window, cost, atMs)]),
    );
    if (Object.keys(waits).length === 0) this.#spent.push({ atMs, cost });
    const remaining = tier.windows.map((window) =>
      Math.max(0, window.limit - this.#unitsIn(window, atMs).length),
    );
    return { waits, remaining };
  }

  #waitMs(window: LimitedWindow, cost: number, atMs: number): number {
    const leaveAtMs = this.#unitsIn(window, atMs);
    const excess = leaveAtMs.length + cost - window.limit;
    const lastMs = leaveAtMs[excess - 1];
    return lastMs === undefined ? window.durationMs : lastMs - atMs;
  }

  /** When each of the units that count leaves, the first one first. */
  #unitsIn({ algorithm, durationMs }: LimitedWindow, atMs: number): readonly number[] {
    let endMs = Number.NEGATIVE_INFINITY;
    return this.#spent
      .flatMap((spent) => {
        if (algorithm === 'log' || spent.atMs >= endMs) endMs = spent.atMs + durationMs;
        return Array<number>(spent.cost).fill(endMs);
      })
      .filter((leavesAtMs) => leavesAtMs > atMs);
  }
}
