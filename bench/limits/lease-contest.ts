import { Child } from '../child.js';

export interface LeaseResult {
  /** Offered, as a multiple of what the limit lets through. */
  readonly load: number;
  readonly requests: number;
  readonly roundTrips: number;
  /** Units admitted beyond the limit in the window that holds the most. */
  readonly overAdmitted: number;
  /** Share of the requests that were refused although they would have fitted, 0 to 1. */
  readonly refusedTooEarly: number;
  /** Whether the key let through what it may, and refused what it must: else nothing was measured. */
  readonly admitted: number;
}

const LOADS = [0.5, 1.5, 5];

/** An ENTERPRISE key on two instances, below and above its limit. */
export async function runLeaseContest(progress: (line: string) => void): Promise<readonly LeaseResult[]> {
  const child = Child.start(new URL('spend-leases.js', import.meta.url));
  try {
    const results: LeaseResult[] = [];
    for (const load of LOADS) {
      progress(`ENTERPRISE key at ${load} of its limit`);
      // The other end is spend-leases.ts.
      results.push((await child.ask('spend', load)) as LeaseResult);
    }
    return results;
  } finally {
    await child.stop();
  }
}
