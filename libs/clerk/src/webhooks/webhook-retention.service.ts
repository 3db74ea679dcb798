import { setTimeout as wait } from 'node:timers/promises';

import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import { failureName } from './retry-delay.js';
import type { WebhookInbox } from './webhook-inbox.js';

export interface WebhookRetentionParts {
  readonly inbox: WebhookInbox;
  /** How long the bodies of deliveries are kept, days. */
  readonly payloadDays: number;
  /** How long the ids of deliveries are kept, days. */
  readonly idDays: number;
  /** Pause between two rounds, milliseconds. @default 3600000 */
  readonly everyMs?: number;
}

/** Small enough that nobody waits for the rows. */
const ROWS_MAX = 500;
/** Between two batches, so that a large rest does not take the database for itself, milliseconds. */
const BATCH_PAUSE_MS = 50;

/** Forgets old deliveries, at once after the start and then every hour; any number of instances may do so at the same time. */
export class WebhookRetention implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(WebhookRetention.name);
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: WebhookRetentionParts) {}

  onApplicationBootstrap(): void {
    this.#running = this.#run();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Forgets everything that is old enough. @returns how many rows that changed @throws ClerkError DATABASE_UNAVAILABLE */
  async prune(): Promise<number> {
    const { inbox, payloadDays, idDays } = this.parts;
    let total = 0;
    for (;;) {
      const rows = await inbox.prune({ payloadDays, idDays, rowsMax: ROWS_MAX });
      total += rows;
      if (rows === 0 || this.#stop.signal.aborted) return total;
      await this.#wait(BATCH_PAUSE_MS);
    }
  }

  async #run(): Promise<void> {
    const everyMs = this.parts.everyMs ?? 3_600_000;
    while (!this.#stop.signal.aborted) {
      try {
        await this.prune();
      } catch (error) {
        // Old deliveries stay an hour longer.
        this.#logger.warn(`Old webhooks were not removed (${failureName(error)}): trying again later.`);
      }
      await this.#wait(everyMs);
    }
  }

  async #wait(ms: number): Promise<void> {
    try {
      await wait(ms, undefined, { signal: this.#stop.signal, ref: false });
    } catch {
      // Stopped: whoever waits looks at that next.
    }
  }
}
