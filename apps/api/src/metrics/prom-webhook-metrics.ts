import { Injectable } from '@nestjs/common';
import { type ClerkErrorCode, type WebhookBacklog, WebhookMetrics, type WebhookResult } from 'nest-clerk';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From a quick apply to the last of Clerk's retries, seconds. */
const DELAY_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 36_000, 100_000];

/** What happens to Clerk's webhooks in this process, and what waits in the database, for Prometheus. No label holds anybody's data. */
@Injectable()
export class PromWebhookMetrics extends WebhookMetrics {
  /** Its own: nothing that another part of the process registers shows up here. */
  private readonly registry = new Registry();
  private readonly receivedTotal = new Counter({
    name: 'clerk_webhooks_received_total',
    help: 'Webhooks that were verified and stored, repeated ones included.',
    registers: [this.registry],
  });
  private readonly duplicatesTotal = new Counter({
    name: 'clerk_webhooks_duplicates_total',
    help: 'Webhooks that had been stored before.',
    registers: [this.registry],
  });
  private readonly rejectedTotal = new Counter({
    name: 'clerk_webhooks_rejected_total',
    help: 'Requests to the webhook endpoint that were refused, by error code.',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });
  private readonly settledTotal = new Counter({
    name: 'clerk_webhooks_settled_total',
    help: 'Attempts to apply a webhook, by what came of them.',
    labelNames: ['result'] as const,
    registers: [this.registry],
  });
  private readonly unreadableTotal = new Counter({
    name: 'clerk_webhooks_unreadable_total',
    help: 'Messages in Kafka that were no webhook and were moved to the topic of the dead.',
    registers: [this.registry],
  });
  private readonly delaySeconds = new Histogram({
    name: 'clerk_webhook_apply_delay_seconds',
    help: "From Clerk's time of an event until it was applied.",
    buckets: DELAY_BUCKETS,
    registers: [this.registry],
  });
  private readonly pending = this.gauge('clerk_webhooks_pending', 'Webhooks that wait to be applied.');
  private readonly dead = this.gauge('clerk_webhooks_dead', 'Webhooks that were given up.');
  private readonly oldestPendingSeconds = this.gauge(
    'clerk_webhooks_oldest_pending_seconds',
    'Age of the oldest webhook that waits to be applied.',
  );
  private readonly lastReceivedSeconds = this.gauge(
    'clerk_webhooks_last_received_seconds',
    'Since the last webhook was received, by any process.',
  );

  received(isDuplicate: boolean): void {
    this.receivedTotal.inc();
    if (isDuplicate) this.duplicatesTotal.inc();
  }

  rejected(reason: ClerkErrorCode): void {
    this.rejectedTotal.inc({ reason });
  }

  settled(result: WebhookResult, delayMs: number): void {
    this.settledTotal.inc({ result });
    if (result === 'applied') this.delaySeconds.observe(delayMs / 1_000);
  }

  unreadable(): void {
    this.unreadableTotal.inc();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** @param backlog null when the database cannot say: then those figures are left out, and not 0 */
  async text(backlog: WebhookBacklog | null): Promise<string> {
    set(this.pending, backlog?.pending);
    set(this.dead, backlog?.dead);
    set(this.oldestPendingSeconds, backlog?.oldestPendingSeconds);
    set(this.lastReceivedSeconds, backlog?.lastReceivedSeconds);
    return this.registry.metrics();
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}

function set(gauge: Gauge, value: number | null | undefined): void {
  if (value === null || value === undefined) gauge.remove();
  else gauge.set(value);
}
