import { REVOCATION_KEPT_MS, type Revocation, type RevocationFeed } from './revocation.js';
import type { Revocations } from './revocations.js';

export interface RevokerParts {
  readonly revocations: Revocations;
  readonly feed: RevocationFeed;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** Where a revocation is made: in force here at once, and everywhere as soon as the feed carries it, which nobody waits for. */
export class Revoker {
  constructor(private readonly parts: RevokerParts) {}

  revoke(revocation: Revocation): void {
    const record = { revocation, untilMs: this.parts.nowMs() + REVOCATION_KEPT_MS };
    this.parts.revocations.add(record);
    void this.parts.feed.publish(record);
  }
}
