import type { ClerkDatabaseConnection } from '../clerk-database.js';
import type { Mirror } from '../mirror/mirror.js';
import type { WebhookDelivery } from './webhook-delivery.js';

/**
 * `ignored`: stored, but nothing follows from it (unknown type, nothing to mirror). `foreign`: of another Clerk instance.
 */
export type ApplyResult = 'applied' | 'stale' | 'ignored' | 'foreign';

/**
 * Applies one delivery. Everything it writes through `mirror` and `transaction` commits or rolls back with the delivery's own
 * mark. `transaction` is null where there is no database.
 */
export type ApplyDelivery = (
  delivery: WebhookDelivery,
  mirror: Mirror,
  transaction: ClerkDatabaseConnection | null,
) => Promise<ApplyResult>;

/** A delivery whose next attempt has begun: that it has is known to all before anything is done. */
export interface Claim {
  readonly delivery: WebhookDelivery;
  /** Attempts that failed. */
  readonly attempts: number;
  /** Attempts that have begun since one came to an end, this one included: with more than 1, one has ended its process. */
  readonly starts: number;
  /** Since it was received, milliseconds. */
  readonly waitedMs: number;
}

/**
 * `slow`: the last attempt took too long. `suspect`: an attempt began and never ended, so that its process may have died of it.
 */
export type ClaimKind = 'fresh' | 'slow' | 'suspect';

const CLAIM_KINDS: readonly ClaimKind[] = ['fresh', 'slow', 'suspect'];

export type HandleStep =
  | { readonly outcome: 'handled'; readonly delivery: WebhookDelivery; readonly result: ApplyResult }
  /** The delivery is kept and retried with back-off, or parked as `dead` after the last attempt. */
  | {
      readonly outcome: 'failed';
      readonly deliveryId: string;
      readonly attempts: number;
      readonly isDead: boolean;
      readonly cause: unknown;
    }
  /** Not for anything of the delivery: the database or Clerk could not answer. Tried again soon, and not counted. */
  | { readonly outcome: 'postponed'; readonly deliveryId: string; readonly cause: unknown }
  /** Somebody else has it, or has handled it. */
  | { readonly outcome: 'taken' };

export type DrainStep = Exclude<HandleStep, { outcome: 'taken' }> | { readonly outcome: 'idle' };

/** What is kept for how long, and how much of what is older goes at once. */
export interface PruneBounds {
  readonly payloadDays: number;
  readonly idDays: number;
  readonly rowsMax: number;
}

/** What waits to be applied. */
export interface WebhookBacklog {
  readonly pending: number;
  readonly dead: number;
  /** Since the oldest that waits was received, seconds; 0 when nothing waits. */
  readonly oldestPendingSeconds: number;
  /** Since the last delivery was received, seconds; null when none is known. */
  readonly lastReceivedSeconds: number | null;
}

/** Deliveries that were acknowledged to Clerk. What `store` resolved for is never lost. */
export abstract class WebhookInbox {
  /** Resolves after commit. Idempotent by delivery id. @throws ClerkError DATABASE_UNAVAILABLE within 5 s */
  abstract store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'>;
  /** Resolves while `store` can keep what it is given. @throws ClerkError DATABASE_UNAVAILABLE, BROKER_UNAVAILABLE within 5 s */
  abstract requireStorage(): Promise<void>;
  /** Begins the oldest due deliveries that nobody else has. Whoever does not come to handle one leaves it to others in 5 s. */
  abstract claim(kind: ClaimKind, countMax: number): Promise<readonly Claim[]>;
  /** Applies a claimed delivery and marks it, in one transaction. One that has ended several processes is parked instead. */
  abstract handle(claim: Claim, apply: ApplyDelivery): Promise<HandleStep>;
  /** Gives back what was claimed and came to no end here: that it had begun is forgotten, unless somebody works on it. */
  abstract release(claims: readonly Claim[]): Promise<void>;
  /** Forgets a part of what is old enough, never what waits to be applied. @returns how many rows it changed; 0: done */
  abstract prune(bounds: PruneBounds): Promise<number>;
  abstract backlog(): Promise<WebhookBacklog>;

  /** One delivery, from claim to end. */
  async drainOne(apply: ApplyDelivery): Promise<DrainStep> {
    for (;;) {
      const claim = await this.#claimOne();
      if (claim === undefined) return { outcome: 'idle' };
      const step = await this.handle(claim, apply);
      if (step.outcome !== 'taken') return step;
    }
  }

  async #claimOne(): Promise<Claim | undefined> {
    for (const kind of CLAIM_KINDS) {
      const [claim] = await this.claim(kind, 1);
      if (claim !== undefined) return claim;
    }
    return undefined;
  }
}
