import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import { type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { failureName } from './retry-delay.js';

/**
 * How to hear of `NOTIFY` on the host's database, which its `PrismaClient` cannot: resolves once it listens, with a way to stop.
 * It must listen again by itself after its connection broke. Both are called once.
 */
export type WebhookListen = (channel: string, onNotice: () => void) => Promise<() => Promise<void>>;

export interface WebhookWakeupsParts {
  readonly database: ClerkDatabaseConnection;
  readonly listen: WebhookListen;
  /** Name of the registration. */
  readonly registration: string;
  /** Called when another process has stored a delivery; must return at once. */
  readonly onNotice: () => void;
}

// $1 channel
const NOTIFY = `SELECT pg_notify($1, '')`;

/** Many deliveries stored within this time are one notice, milliseconds: every notice stops all commits for a moment. */
const PAUSE_MS = 100;

/** Tells the other processes on the same database of stored deliveries, and hears of theirs. What gets lost the polls make good. */
export class WebhookWakeups implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(WebhookWakeups.name);
  readonly #channel: string;
  #stopListening: Promise<() => Promise<void>> | null = null;
  #pause: NodeJS.Timeout | null = null;
  #isDue = false;
  #isStopped = false;

  constructor(private readonly parts: WebhookWakeupsParts) {
    this.#channel = `clerk_webhooks_${parts.registration}`;
  }

  onApplicationBootstrap(): void {
    this.#stopListening = this.#listen();
  }

  async onModuleDestroy(): Promise<void> {
    this.#isStopped = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    await (
      await this.#stopListening
    )?.();
  }

  /** Returns at once. */
  notify(): void {
    this.#isDue = true;
    if (this.#pause === null && !this.#isStopped) void this.#send();
  }

  async #send(): Promise<void> {
    this.#isDue = false;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#isDue) this.notify();
    }, PAUSE_MS).unref();
    try {
      await databaseAnswer(this.parts.database.$executeRawUnsafe(NOTIFY, this.#channel));
    } catch {
      // The others find the delivery at their next poll.
    }
  }

  async #listen(): Promise<() => Promise<void>> {
    try {
      return await this.parts.listen(this.#channel, this.parts.onNotice);
    } catch (error) {
      this.#logger.warn(
        `Other processes cannot wake this one (${failureName(error)}): their webhooks wait for its next poll.`,
      );
      return () => Promise.resolve();
    }
  }
}
