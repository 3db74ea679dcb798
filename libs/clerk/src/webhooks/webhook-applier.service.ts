import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import type { ClerkDatabaseConnection } from '../clerk-database.js';
import { type AccessEnded, accessEndedBy, applyDelivery } from './apply-delivery.js';
import type { ClerkEvent } from './clerk-event.js';
import { failureName } from './retry-delay.js';
import type { ApplyDelivery, ApplyResult, DrainStep, WebhookInbox } from './webhook-inbox.js';

export interface WebhookApplierParts {
  readonly inbox: WebhookInbox;
  /** Called within the delivery's transaction: when it rejects, nothing of the delivery is kept and it is tried again. */
  readonly onEvent: (event: ClerkEvent, transaction: ClerkDatabaseConnection | null) => Promise<void>;
  /**
   * Told after commit, once for each delivery that takes access away; a failure is logged, and a crash between commit and
   * call loses it: both cost at most the life of a session token (60 s).
   */
  readonly onAccessEnded: (ended: AccessEnded) => Promise<void>;
  /** How often to look for deliveries that nobody announced, milliseconds. @default 2000 */
  readonly pollMs?: number;
}

/** Longest pause between two looks at a database that does not answer. */
const OUTAGE_POLL_MS_MAX = 30_000;
const SHUTDOWN_MS_MAX = 10_000;

/**
 * Applies stored deliveries, one at a time in this process, beside other processes on the same inbox. Works when `wake()` is
 * called and, as a net under lost calls and retries, at every poll.
 */
export class WebhookApplier implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(WebhookApplier.name);
  readonly #pollMs: number;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | null = null;
  #isWoken = false;
  #failedPolls = 0;

  constructor(private readonly parts: WebhookApplierParts) {
    this.#pollMs = parts.pollMs ?? 2_000;
  }

  onApplicationBootstrap(): void {
    this.#state = 'started';
    this.wake();
  }

  /** Stops claiming, and waits for the delivery in hand (at most 10 s). */
  async onModuleDestroy(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SHUTDOWN_MS_MAX);
    });
    await Promise.race([this.idle(), limit]);
    clearTimeout(timer);
  }

  /** Says that something may be due. Returns at once; does nothing before the application has started or once it stops. */
  wake(): void {
    if (this.#state !== 'started') return;
    this.#isWoken = true;
    this.#draining ??= this.#drainWhileWoken();
  }

  /** Resolves when everything announced so far was handled, or failed. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drainWhileWoken(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      while (this.#isWoken && this.#state === 'started') {
        this.#isWoken = false;
        await this.#drain();
      }
      this.#noteAnswer();
    } catch (error) {
      this.#noteOutage(error);
    }
    this.#draining = null;
    this.#schedulePoll();
  }

  async #drain(): Promise<void> {
    let step: DrainStep;
    do {
      step = await this.parts.inbox.drainOne((...delivery) => this.#apply(...delivery));
      await this.#follow(step);
    } while (step.outcome !== 'idle' && this.#state === 'started');
  }

  async #apply(...[delivery, mirror, transaction]: Parameters<ApplyDelivery>): Promise<ApplyResult> {
    const { result, event } = await applyDelivery(delivery, mirror);
    if (event !== null) await this.parts.onEvent(event, transaction);
    return result;
  }

  async #follow(step: DrainStep): Promise<void> {
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
    this.#failedPolls += 1;
    if (this.#failedPolls === 1) {
      this.#logger.error(
        `Webhooks wait: the inbox cannot be read (${failureName(error)}). Trying again until it can.`,
      );
    }
  }

  #noteAnswer(): void {
    if (this.#failedPolls > 0) this.#logger.log('Webhooks are applied again.');
    this.#failedPolls = 0;
  }

  #schedulePoll(): void {
    if (this.#state !== 'started') return;
    const delayMs = Math.min(this.#pollMs * 2 ** this.#failedPolls, OUTAGE_POLL_MS_MAX);
    this.#timer = setTimeout(() => this.wake(), delayMs).unref();
  }
}
