import { ClerkError } from '../clerk-error.js';
import type { WebhookBacklog, WebhookInbox } from './webhook-inbox.js';
import { NoWebhookMetrics, type WebhookMetrics } from './webhook-metrics.js';
import { parseWebhookDelivery } from './webhook-delivery.js';
import { verifyWebhookSignature, type WebhookHeaders } from './webhook-signature.js';

export interface ReceivedWebhook {
  /** `duplicate`: this delivery was stored before, and is handled once all the same. */
  readonly outcome: 'stored' | 'duplicate';
  /** `svix-id` */
  readonly deliveryId: string;
}

export interface WebhookReceiverParts {
  readonly inbox: WebhookInbox;
  /** Signing keys, of which any may match: see `decodeWebhookSecret`. */
  readonly keys: readonly Buffer[];
  /** Called after a delivery was stored; must return at once. */
  readonly onStored: () => void;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
  readonly metrics?: WebhookMetrics;
}

/** Where a webhook comes in: what it resolves for is kept, what it rejects was not taken. */
export class WebhookReceiver {
  readonly #metrics: WebhookMetrics;

  constructor(private readonly parts: WebhookReceiverParts) {
    this.#metrics = parts.metrics ?? new NoWebhookMetrics();
  }

  /**
   * Verifies and stores one delivery. Resolves after commit; idempotent by delivery id; safe to call concurrently.
   *
   * @throws ClerkError WEBHOOK_HEADERS_INVALID, WEBHOOK_SIGNATURE_INVALID, WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE: not Clerk's
   * @throws ClerkError DATABASE_UNAVAILABLE within 5 s: Clerk will send it again
   * @throws ClerkError OPTIONS_INVALID when no signing secret is configured
   */
  async receive(rawBody: Uint8Array, headers: WebhookHeaders): Promise<ReceivedWebhook> {
    try {
      const received = await this.#receive(rawBody, headers);
      this.#metrics.received(received.outcome === 'duplicate');
      return received;
    } catch (error) {
      this.refused(error);
      throw error;
    }
  }

  /** Resolves while a webhook can be stored. @throws ClerkError DATABASE_UNAVAILABLE, BROKER_UNAVAILABLE */
  requireStorage(): Promise<void> {
    return this.parts.inbox.requireStorage();
  }

  /** @throws ClerkError DATABASE_UNAVAILABLE */
  backlog(): Promise<WebhookBacklog> {
    return this.parts.inbox.backlog();
  }

  /** Counts a request that was refused before it got here. */
  refused(error: unknown): void {
    if (error instanceof ClerkError) this.#metrics.rejected(error.code);
  }

  async #receive(rawBody: Uint8Array, headers: WebhookHeaders): Promise<ReceivedWebhook> {
    const { inbox, keys, onStored, nowMs } = this.parts;
    if (keys.length === 0) {
      throw new ClerkError(
        'OPTIONS_INVALID',
        'No webhook can be verified: set CLERK_WEBHOOK_SECRET (or the option webhookSecrets) to the signing secret of the endpoint.',
      );
    }
    const verified = verifyWebhookSignature({ rawBody, headers }, keys, nowMs());
    const outcome = await inbox.store(parseWebhookDelivery(rawBody, verified));
    if (outcome === 'stored') onStored();
    return { outcome, deliveryId: verified.id };
  }
}
