import { ClerkError } from '../clerk-error.js';
import type { MemoryMirror } from '../mirror/memory-mirror.js';
import { ATTEMPTS_MAX, retryDelayMs } from './retry-delay.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import { type ApplyDelivery, type DrainStep, WebhookInbox } from './webhook-inbox.js';

interface Pending {
  readonly delivery: WebhookDelivery;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
}

export interface MemoryWebhookInboxOptions {
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
  /** Most deliveries that wait, and most ids of handled ones that are remembered. @default 10000 */
  readonly deliveriesMax?: number;
}

/** Deliveries in this process only: what waits when it ends is lost, though Clerk was told that it was stored. */
export class MemoryWebhookInbox extends WebhookInbox {
  readonly #pending = new Map<string, Pending>();
  readonly #claimed = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #deliveriesMax: number;

  constructor(
    private readonly mirror: MemoryMirror,
    private readonly options: MemoryWebhookInboxOptions,
  ) {
    super();
    this.#deliveriesMax = options.deliveriesMax ?? 10_000;
  }

  async store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'> {
    if (this.#pending.has(delivery.id) || this.#settled.has(delivery.id)) return 'duplicate';
    if (this.#pending.size >= this.#deliveriesMax) {
      throw new ClerkError(
        'DATABASE_UNAVAILABLE',
        `The in-process inbox is full (${this.#deliveriesMax} deliveries wait). Configure a database.`,
      );
    }
    this.#pending.set(delivery.id, { delivery, attempts: 0, nextAttemptAtMs: this.options.nowMs() });
    return 'stored';
  }

  async drainOne(apply: ApplyDelivery): Promise<DrainStep> {
    const due = this.#oldestDue();
    if (due === undefined) return { outcome: 'idle' };
    const { delivery } = due;
    this.#claimed.add(delivery.id);
    try {
      const result = await this.mirror.transaction((mirror) => apply(delivery, mirror, null));
      this.#settle(delivery.id);
      if (delivery.type === 'user.deleted') this.#wipePayloads(delivery.userId);
      return { outcome: 'handled', delivery, result };
    } catch (cause) {
      return this.#recordFailure(due, cause);
    } finally {
      this.#claimed.delete(delivery.id);
    }
  }

  #oldestDue(): Pending | undefined {
    const nowMs = this.options.nowMs();
    for (const pending of this.#pending.values()) {
      if (pending.nextAttemptAtMs <= nowMs && !this.#claimed.has(pending.delivery.id)) return pending;
    }
    return undefined;
  }

  #recordFailure({ delivery, ...before }: Pending, cause: unknown): DrainStep {
    const attempts = before.attempts + 1;
    const isDead = attempts >= ATTEMPTS_MAX;
    // Not remembered as handled: sent again, it is taken again.
    if (isDead) this.#pending.delete(delivery.id);
    else {
      const nextAttemptAtMs = this.options.nowMs() + retryDelayMs(attempts, Math.random());
      this.#pending.set(delivery.id, { delivery, attempts, nextAttemptAtMs });
    }
    return { outcome: 'failed', deliveryId: delivery.id, attempts, isDead, cause };
  }

  #settle(id: string): void {
    this.#pending.delete(id);
    this.#settled.add(id);
    if (this.#settled.size <= this.#deliveriesMax) return;
    const [oldest = id] = this.#settled;
    this.#settled.delete(oldest);
  }

  #wipePayloads(userId: string | null): void {
    for (const [id, pending] of this.#pending) {
      if (pending.delivery.userId !== userId) continue;
      this.#pending.set(id, { ...pending, delivery: { ...pending.delivery, payload: null } });
    }
  }
}
