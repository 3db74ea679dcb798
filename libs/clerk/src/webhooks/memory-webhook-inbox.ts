import { ClerkError } from '../clerk-error.js';
import type { MemoryMirror } from '../mirror/memory-mirror.js';
import { HANDLER_TIMED_OUT } from './handler-time.js';
import { isOutage } from './outage.js';
import { ATTEMPTS_MAX, failureName, outageDelayMs, retryDelayMs } from './retry-delay.js';
import { isBesideUser, type WebhookDelivery } from './webhook-delivery.js';
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
  /** Of the last attempt. */
  readonly isSlow: boolean;
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

  async requireStorage(): Promise<void> {
    this.#requireRoom();
  }

  async store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'> {
    if (this.#pending.has(delivery.id) || this.#settled.has(delivery.id)) return 'duplicate';
    this.#requireRoom();
    const receivedAtMs = this.options.nowMs();
    this.#lastReceivedAtMs = receivedAtMs;
    this.#pending.set(delivery.id, {
      delivery,
      attempts: 0,
      nextAttemptAtMs: receivedAtMs,
      receivedAtMs,
      isSlow: false,
    });
    return 'stored';
  }

  /** What ends this process takes everything with it: nothing here is ever suspect. */
  async claim(kind: ClaimKind, countMax: number): Promise<readonly Claim[]> {
    if (kind === 'suspect') return [];
    const nowMs = this.options.nowMs();
    const claims: Claim[] = [];
    for (const { delivery, attempts, nextAttemptAtMs, receivedAtMs, isSlow } of this.#pending.values()) {
      if (claims.length >= countMax) break;
      if (nextAttemptAtMs > nowMs || isSlow !== (kind === 'slow') || this.#claimed.has(delivery.id)) continue;
      this.#claimed.add(delivery.id);
      claims.push({ delivery, attempts, starts: 1, waitedMs: nowMs - receivedAtMs });
    }
    return claims;
  }

  async handle(claim: Claim, apply: ApplyDelivery): Promise<HandleStep> {
    const { id } = claim.delivery;
    try {
      const delivery = await this.#current(claim);
      const result = await this.mirror.transaction((mirror) => apply(delivery, mirror, null));
      this.#settle(id);
      if (delivery.type === 'user.deleted' && result !== 'foreign') this.#wipePayloads(delivery.userId);
      return { outcome: 'handled', delivery, result };
    } catch (cause) {
      return isOutage(cause) ? this.#postpone(claim, cause) : this.#recordFailure(claim, cause);
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

  /** As it is now: its user may have been deleted, since it was claimed or before it came. */
  async #current({ delivery }: Claim): Promise<WebhookDelivery> {
    const { userId } = delivery;
    if (userId === null || !isBesideUser(delivery)) return delivery;
    const { outcome } = await this.mirror.users.find(userId);
    return outcome === 'deleted' ? { ...delivery, payload: null } : delivery;
  }

  #postpone({ delivery: { id }, waitedMs }: Claim, cause: unknown): HandleStep {
    const pending = this.#pending.get(id);
    const nextAttemptAtMs = this.options.nowMs() + outageDelayMs(waitedMs, Math.random());
    if (pending !== undefined) this.#pending.set(id, { ...pending, nextAttemptAtMs, isSlow: false });
    return { outcome: 'postponed', deliveryId: id, cause };
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
      const isSlow = failureName(cause) === HANDLER_TIMED_OUT;
      this.#pending.set(delivery.id, { ...pending, attempts, nextAttemptAtMs, isSlow });
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

  #requireRoom(): void {
    if (this.#pending.size < this.#deliveriesMax) return;
    throw new ClerkError(
      'DATABASE_UNAVAILABLE',
      `The in-process inbox is full (${this.#deliveriesMax} deliveries wait). Configure a database.`,
    );
  }
}
