import type { LimitedWindow } from './limited-window.js';

/**
 * What is done with a request while the limiter cannot answer.
 * - `open`: it is let through, uncounted.
 * - `closed`: it is refused with 503 and `Retry-After`.
 * - `local`: it is limited in this process alone, to the limits divided by the number of instances.
 */
export type WhenUnavailable = 'open' | 'closed' | 'local';

/** A checked tier. */
export interface Tier {
  /** Unique among the tiers. */
  readonly name: string;
  /** At least one; a request must fit into all of them. */
  readonly windows: readonly LimitedWindow[];
  /** Windows that only other tiers have: requests are counted there and never refused, so that a change of tier forgives nothing. */
  readonly countedWindows: readonly LimitedWindow[];
  readonly whenUnavailable: WhenUnavailable;
  /** Whether each process may take several units at once from the limiter, and give them out by itself. */
  readonly isLeased: boolean;
}
