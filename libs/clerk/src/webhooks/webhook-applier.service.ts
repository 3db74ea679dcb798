import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import { type AccessEnded, accessEndedBy, applyDelivery } from './apply-delivery.js';
import { ClaimQueue } from './claim-queue.js';
import type { ClerkEvent, ClerkEventContext } from './clerk-event.js';
import { withinTime } from './handler-time.js';
import { failureName } from './retry-delay.js';
import { StepLog } from './step-log.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import type {
  ApplyDelivery,
  ApplyResult,
  Claim,
  ClaimKind,
  HandleStep,
  WebhookInbox,
} from './webhook-inbox.js';
import { NoWebhookMetrics, type WebhookMetrics, type WebhookResult } from './webhook-metrics.js';
import { WorkLanes } from './work-lanes.js';

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
  /** The delivery to apply in place of one, asked for before its transaction; null when nothing is left to apply. @default the same */
  readonly current?: (delivery: WebhookDelivery) => Promise<WebhookDelivery | null>;
  /** How many deliveries are worked on at once; up to twice as many, less one, while handlers take longer than a second. @default 4 */
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
 * net under lost calls and retries, at every poll. One that may have ended a process is only tried while no other such is, and so
 * is one that took too long: it delays itself and its like.
 */
export class WebhookApplier implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(WebhookApplier.name);
  readonly #log = new StepLog(this.#logger, () => performance.now());
  readonly #metrics: WebhookMetrics;
  readonly #pollMs: number;
  readonly #queue: ClaimQueue;
  readonly #fresh: WorkLanes;
  /** For those that the others must not wait for, each kind with a lane of its own. */
  readonly #apart: readonly WorkLanes[];
  #state: 'new' | 'started' | 'stopped' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #hasOutage = false;
  #failedPolls = 0;

  constructor(private readonly parts: WebhookApplierParts) {
    const { concurrency = 4 } = parts;
    this.#pollMs = parts.pollMs ?? 2_000;
    this.#metrics = parts.metrics ?? new NoWebhookMetrics();
    this.#queue = new ClaimQueue(parts.inbox, concurrency * CLAIMS_PER_LANE);
    this.#fresh = new WorkLanes({
      lanes: concurrency,
      substitutes: Math.max(1, concurrency - 1),
      work: () => this.#work(this.#fresh, () => this.#queue.next()),
      onFull: () => this.#queue.giveBack(),
      onEnd: () => this.#lookAgain(),
    });
    this.#apart = [this.#laneFor('slow'), this.#laneFor('suspect')];
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
    this.#fresh.open();
  }

  /** Resolves when everything announced so far was handled, or failed. */
  async idle(): Promise<void> {
    const all = [this.#fresh, ...this.#apart];
    while (all.some(({ isBusy }) => isBusy)) await Promise.all(all.map((lanes) => lanes.idle()));
  }

  #laneFor(kind: Exclude<ClaimKind, 'fresh'>): WorkLanes {
    const lane: WorkLanes = new WorkLanes({
      lanes: 1,
      work: () => this.#work(lane, () => this.#queue.nextOf(kind)),
      onEnd: () => this.#lookAgain(),
    });
    return lane;
  }

  /** For what was announced between the last look and now. */
  #lookAgain(): void {
    if (this.#queue.isAnnounced) this.wake();
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
    for (const lane of this.#apart) lane.open();
  }

  async #work(lanes: WorkLanes, next: () => Promise<Claim | null>): Promise<void> {
    try {
      let claim = this.#state === 'started' ? await next() : null;
      // Where nothing was announced, the others have not asked the database.
      if (claim !== null || lanes !== this.#fresh) this.#noteAnswer();
      while (claim !== null) {
        await lanes.watch(this.#handle(claim));
        claim = this.#state === 'started' && lanes.mayGoOn ? await next() : null;
      }
    } catch (error) {
      this.#noteOutage(error);
    }
  }

  async #handle(claim: Claim): Promise<void> {
    const { delivery, apply } = await this.#prepare(claim);
    const step = await this.#attempt(claim, apply);
    this.#count(claim.delivery, step);
    await this.#follow(step, delivery);
  }

  /**
   * What must be known of other services is asked before the transaction, which would wait for them with its locks. `delivery` is what
   * `apply` applies: as it was stored, or as Clerk says now.
   */
  async #prepare(claim: Claim): Promise<Pick<Claim, 'delivery'> & { readonly apply: ApplyDelivery }> {
    const { isForeign, current, handlerMsMax = 7_000 } = this.parts;
    const { delivery } = claim;
    try {
      if (await isForeign?.(delivery.instanceId)) return { delivery, apply: async () => 'foreign' };
      const now = current === undefined ? delivery : await current(delivery);
      if (now === null) return { delivery, apply: async () => 'stale' };
      const apply: ApplyDelivery = (kept, ...connections) =>
        withinTime(handlerMsMax, (signal) =>
          this.#apply({ claim, signal }, now === delivery ? kept : now, connections),
        );
      return { delivery: now, apply };
    } catch (error) {
      // The inbox tells an outage from a failure, and writes it down.
      return { delivery, apply: () => Promise.reject(error) };
    }
  }

  async #attempt(claim: Claim, apply: ApplyDelivery): Promise<HandleStep> {
    try {
      return await this.parts.inbox.handle(claim, apply);
    } catch (error) {
      this.#queue.stop(claim);
      throw error;
    }
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
    this.#metrics.settled(resultOf(step), Math.max(0, Date.now() - delivery.timestampMs));
  }

  async #follow(step: HandleStep, applied: WebhookDelivery): Promise<void> {
    this.#log.note(step);
    if (step.outcome !== 'handled') return;
    const ended = accessEndedBy(applied, step.result);
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

function resultOf(step: Exclude<HandleStep, { outcome: 'taken' }>): WebhookResult {
  if (step.outcome === 'handled') return step.result;
  return step.outcome === 'failed' && step.isDead ? 'dead' : 'failed';
}

type ConnectionsOf<Function extends (...parameters: never) => unknown> =
  Parameters<Function> extends [unknown, ...infer Rest] ? Rest : never;
