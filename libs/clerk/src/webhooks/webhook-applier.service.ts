import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import { type AccessEnded, accessEndedBy, applyDelivery } from './apply-delivery.js';
import { ClaimQueue } from './claim-queue.js';
import type { ClerkEvent, ClerkEventContext } from './clerk-event.js';
import { withinTime } from './handler-time.js';
import { failureName } from './retry-delay.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import type { ApplyDelivery, ApplyResult, Claim, HandleStep, WebhookInbox } from './webhook-inbox.js';
import { NoWebhookMetrics, type WebhookMetrics } from './webhook-metrics.js';

export interface WebhookApplierParts {
  readonly inbox: WebhookInbox;
  /** Called within the delivery's transaction: when it rejects, nothing of the delivery is kept and it is tried again. */
  readonly onEvent: (event: ClerkEvent, context: ClerkEventContext) => Promise<void>;
  /**
   * Told after commit, once for each delivery that takes access away; a failure is logged, and a crash between commit and
   * call loses it: both cost at most the life of a session token (60 s).
   */
  readonly onAccessEnded: (ended: AccessEnded) => Promise<void>;
  /** Whether a delivery is of another Clerk instance. @default none is */
  readonly isForeign?: (instanceId: string | null) => Promise<boolean>;
  /** How many deliveries are worked on at once. @default 4 */
  readonly concurrency?: number;
  /** How often to look for deliveries that nobody announced, milliseconds. @default 2000 */
  readonly pollMs?: number;
  /** How long a delivery may take before it is given up, milliseconds; less than its transaction may run. @default 7000 */
  readonly handlerMsMax?: number;
  readonly metrics?: WebhookMetrics;
}

/** Longest pause between two looks at a database that does not answer. */
const OUTAGE_POLL_MS_MAX = 30_000;
const SHUTDOWN_MS_MAX = 10_000;
/** Deliveries claimed with one statement, for each that is worked on at once. */
const CLAIMS_PER_LANE = 4;

/**
 * Applies stored deliveries, several at once, beside other processes on the same inbox. Works when `wake()` is called and, as a
 * net under lost calls and retries, at every poll. One that may have ended a process is only tried while no other such is.
 */
export class WebhookApplier implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(WebhookApplier.name);
  readonly #metrics: WebhookMetrics;
  readonly #pollMs: number;
  readonly #queue: ClaimQueue;
  /** What each lane is doing; null: nothing. The last lane is for those that may have ended a process. */
  readonly #lanes: (Promise<void> | null)[];
  #state: 'new' | 'started' | 'stopped' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #hasOutage = false;
  #failedPolls = 0;

  constructor(private readonly parts: WebhookApplierParts) {
    const { concurrency = 4 } = parts;
    this.#pollMs = parts.pollMs ?? 2_000;
    this.#metrics = parts.metrics ?? new NoWebhookMetrics();
    this.#queue = new ClaimQueue(parts.inbox, concurrency * CLAIMS_PER_LANE);
    this.#lanes = Array.from({ length: concurrency + 1 }, () => null);
  }

  onApplicationBootstrap(): void {
    this.#state = 'started';
    this.#poll();
  }

  /** Stops claiming, and waits for the deliveries in hand (at most 10 s). */
  async onModuleDestroy(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SHUTDOWN_MS_MAX);
    });
    await Promise.race([this.#end(), limit]);
    clearTimeout(timer);
  }

  /** Says that something may be due. Returns at once; does nothing before the application has started or once it stops. */
  wake(): void {
    if (this.#state !== 'started') return;
    this.#queue.announce();
    for (let lane = 0; lane < this.#suspects; lane += 1) {
      this.#lanes[lane] ??= this.#work(lane, () => this.#queue.next());
    }
  }

  /** Resolves when everything announced so far was handled, or failed. */
  async idle(): Promise<void> {
    while (this.#lanes.some((lane) => lane !== null)) await Promise.all(this.#lanes);
  }

  get #suspects(): number {
    return this.#lanes.length - 1;
  }

  async #end(): Promise<void> {
    await this.idle();
    try {
      await this.parts.inbox.release(this.#queue.empty());
    } catch {
      // They are due for others in some seconds by themselves.
    }
  }

  #poll(): void {
    if (this.#state !== 'started') return;
    this.#failedPolls = this.#hasOutage ? this.#failedPolls + 1 : 0;
    const delayMs = Math.min(this.#pollMs * 2 ** this.#failedPolls, OUTAGE_POLL_MS_MAX);
    this.#timer = setTimeout(() => this.#poll(), delayMs).unref();
    this.wake();
    this.#lanes[this.#suspects] ??= this.#work(this.#suspects, async () => {
      const [claim] = await this.parts.inbox.claim('suspect', 1);
      return claim ?? null;
    });
  }

  async #work(lane: number, next: () => Promise<Claim | null>): Promise<void> {
    try {
      let claim = await next();
      // Where nothing was announced, the others have not asked the database.
      if (claim !== null || lane === this.#suspects) this.#noteAnswer();
      while (claim !== null) {
        await this.#handle(claim);
        claim = this.#state === 'started' ? await next() : null;
      }
    } catch (error) {
      this.#noteOutage(error);
    }
    this.#lanes[lane] = null;
    // Announced between the last look and now.
    if (this.#queue.isAnnounced) this.wake();
  }

  async #handle(claim: Claim): Promise<void> {
    const isForeign = (await this.parts.isForeign?.(claim.delivery.instanceId)) ?? false;
    const step = await this.parts.inbox.handle(claim, (delivery, ...connections) =>
      isForeign
        ? Promise.resolve('foreign')
        : withinTime(this.parts.handlerMsMax ?? 7_000, (signal) =>
            this.#apply({ claim, signal }, delivery, connections),
          ),
    );
    this.#count(claim.delivery, step);
    await this.#follow(step);
  }

  async #apply(
    { claim, signal }: { claim: Claim; signal: AbortSignal },
    delivery: WebhookDelivery,
    [mirror, transaction]: ConnectionsOf<ApplyDelivery>,
  ): Promise<ApplyResult> {
    const { result, event } = await applyDelivery(delivery, mirror);
    const attempt = claim.attempts + claim.starts;
    const context = { transaction, idempotencyKey: delivery.id, attempt, signal };
    if (event !== null) await this.parts.onEvent(event, context);
    return result;
  }

  #count(delivery: WebhookDelivery, step: HandleStep): void {
    if (step.outcome === 'taken') return;
    const result = step.outcome === 'handled' ? step.result : step.isDead ? 'dead' : 'failed';
    this.#metrics.settled(result, Math.max(0, Date.now() - delivery.timestampMs));
  }

  async #follow(step: HandleStep): Promise<void> {
    if (step.outcome === 'failed') {
      const what = `Webhook ${step.deliveryId} failed (attempt ${step.attempts}, ${failureName(step.cause)})`;
      if (step.isDead) this.#logger.error(`${what} and is parked as dead: replay it from Clerk's dashboard.`);
      else this.#logger.warn(`${what} and will be tried again.`);
    }
    if (step.outcome !== 'handled') return;
    const ended = accessEndedBy(step.delivery, step.result);
    if (ended === null) return;
    try {
      await this.parts.onAccessEnded(ended);
    } catch (error) {
      // The mirror is right already, and the tokens in question end by themselves within a minute.
      this.#logger.warn(
        `Webhook ${step.delivery.id} was applied, but its revocation was not spread (${failureName(error)}).`,
      );
    }
  }

  #noteOutage(error: unknown): void {
    if (!this.#hasOutage) {
      this.#logger.error(
        `Webhooks wait: the inbox cannot be read (${failureName(error)}). Trying again until it can.`,
      );
    }
    this.#hasOutage = true;
  }

  #noteAnswer(): void {
    if (this.#hasOutage) this.#logger.log('Webhooks are applied again.');
    this.#hasOutage = false;
  }
}

type ConnectionsOf<Function extends (...parameters: never) => unknown> =
  Parameters<Function> extends [unknown, ...infer Rest] ? Rest : never;
