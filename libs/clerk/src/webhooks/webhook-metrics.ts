import type { ClerkErrorCode } from '../clerk-error.js';
import type { ApplyResult } from './webhook-inbox.js';

/** What became of an attempt to apply a delivery. `failed`: it will be tried again. */
export type WebhookResult = ApplyResult | 'failed' | 'dead';

/** Counts what happens to webhooks. Methods return at once, throw nothing, and are told nothing of anybody's data. */
export abstract class WebhookMetrics {
  /** A delivery was verified and stored; `isDuplicate`: it was stored before. */
  abstract received(isDuplicate: boolean): void;
  /** A request was refused: it is not Clerk's, too large, or could not be stored. */
  abstract rejected(reason: ClerkErrorCode): void;
  /** @param delayMs since Clerk sent the event, by Clerk's clock and ours, milliseconds, not below 0 */
  abstract settled(result: WebhookResult, delayMs: number): void;
  /** A message in Kafka was no webhook, and was moved to the topic of the dead. */
  abstract unreadable(): void;
}

export class NoWebhookMetrics extends WebhookMetrics {
  received(): void {
    // Nobody counts.
  }

  rejected(): void {
    // Nobody counts.
  }

  settled(): void {
    // Nobody counts.
  }

  unreadable(): void {
    // Nobody counts.
  }
}
