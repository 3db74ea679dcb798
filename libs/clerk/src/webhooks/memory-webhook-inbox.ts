import { ClerkError } from '../clerk-error.js';
import type { MemoryMirror } from '../mirror/memory-mirror.js';
import { ATTEMPTS_MAX, retryDelayMs } from './retry-delay.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import {
  type ApplyDelivery,
  type Claim,
  type ClaimKind,
  type HandleStep,
  type WebhookBacklog,
  WebhookInbox,
} from './webhook-inbox.js';

interface Pending {
  readonly delivery: WebhookDelivery;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
  readonly receivedAtMs: number;
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
  #dead = 0;
  #lastReceivedAtMs: number | null = null;

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
    const receivedAtMs = this.options.nowMs();
    this.#lastReceivedAtMs = receivedAtMs;
    this.#pending.set(delivery.id, { delivery, attempts: 0, nextAttemptAtMs: receivedAtMs, receivedAtMs });
    return 'stored';
  }

  /** What ends this process takes everything with it: nothing here is ever suspect. */
  async claim(kind: ClaimKind, countMax: number): Promise<readonly Claim[]> {
    if (kind === 'suspect') return [];
    const nowMs = this.options.nowMs();
    const claims: Claim[] = [];
    for (const { delivery, attempts, nextAttemptAtMs } of this.#pending.values()) {
      if (claims.length >= countMax) break;
      if (nextAttemptAtMs > nowMs || this.#claimed.has(delivery.id)) continue;
      this.#claimed.add(delivery.id);
      claims.push({ delivery, attempts, starts: 1 });
    }
    return claims;
  }

  async handle(claim: Claim, apply: ApplyDelivery): Promise<HandleStep> {
    const { id } = claim.delivery;
    try {
      // As it is now: since it was claimed its user may have been deleted.
      const delivery = this.#pending.get(id)?.delivery ?? claim.delivery;
      const result = await this.mirror.transaction((mirror) => apply(delivery, mirror, null));
      this.#settle(id);
      if (delivery.type === 'user.deleted' && result !== 'foreign') this.#wipePayloads(delivery.userId);
      return { outcome: 'handled', delivery, result };
    } catch (cause) {
      return this.#recordFailure(claim, cause);
    } finally {
      this.#claimed.delete(id);
    }
  }

  async release(claims: readonly Claim[]): Promise<void> {
    for (const { delivery } of claims) this.#claimed.delete(delivery.id);
  }

  /** Bodies go when they are applied, and ids when there are too many. */
  async prune(): Promise<number> {
    return 0;
  }

  async backlog(): Promise<WebhookBacklog> {
    const nowMs = this.options.nowMs();
    const [oldest] = this.#pending.values();
    return {
      pending: this.#pending.size,
      dead: this.#dead,
      oldestPendingSeconds: oldest === undefined ? 0 : (nowMs - oldest.receivedAtMs) / 1_000,
      lastReceivedSeconds: this.#lastReceivedAtMs === null ? null : (nowMs - this.#lastReceivedAtMs) / 1_000,
    };
  }

  #recordFailure({ delivery, ...before }: Claim, cause: unknown): HandleStep {
    const attempts = before.attempts + 1;
    const isDead = attempts >= ATTEMPTS_MAX;
    const pending = this.#pending.get(delivery.id);
    // Not remembered as handled: sent again, it is taken again.
    if (isDead) {
      this.#pending.delete(delivery.id);
      this.#dead += 1;
    } else if (pending !== undefined) {
      const nextAttemptAtMs = this.options.nowMs() + retryDelayMs(attempts, Math.random());
      this.#pending.set(delivery.id, { ...pending, attempts, nextAttemptAtMs });
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
