import type { ClerkDatabaseConnection } from '../clerk-database.js';
import type { Mirror } from '../mirror/mirror.js';
import type { WebhookDelivery } from './webhook-delivery.js';

/** `ignored`: stored, but nothing follows from it (unknown type, nothing to mirror). */
export type ApplyResult = 'applied' | 'stale' | 'ignored';

/**
 * Applies one delivery. Everything it writes through `mirror` and `transaction` commits or rolls back with the delivery's own
 * mark. `transaction` is null where there is no database.
 */
export type ApplyDelivery = (
  delivery: WebhookDelivery,
  mirror: Mirror,
  transaction: ClerkDatabaseConnection | null,
) => Promise<ApplyResult>;

export type DrainStep =
  | { readonly outcome: 'handled'; readonly delivery: WebhookDelivery; readonly result: ApplyResult }
  /** The delivery is kept and retried with back-off, or parked as `dead` after the last attempt. */
  | {
      readonly outcome: 'failed';
      readonly deliveryId: string;
      readonly attempts: number;
      readonly isDead: boolean;
      readonly cause: unknown;
    }
  | { readonly outcome: 'idle' };

/** Deliveries that were acknowledged to Clerk. What `store` resolved for is never lost. */
export abstract class WebhookInbox {
  /** Resolves after commit. Idempotent by delivery id. @throws ClerkError DATABASE_UNAVAILABLE within 5 s */
  abstract store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'>;
  /** Claims the oldest due delivery that nobody else holds, applies it and marks it, in one transaction. */
  abstract drainOne(apply: ApplyDelivery): Promise<DrainStep>;
}
