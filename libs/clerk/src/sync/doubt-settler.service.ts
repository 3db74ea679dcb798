import { setTimeout as wait } from 'node:timers/promises';

import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

import { failureName } from '../webhooks/retry-delay.js';

export interface DoubtSettlerParts {
  /** Settles some of the rows in doubt; ends by itself when the application shuts down. */
  readonly settle: () => Promise<unknown>;
  /** From the start to the first round, milliseconds. @default 5000 */
  readonly firstMs?: number;
  /** Pause between two rounds, milliseconds. @default 3600000 */
  readonly everyMs?: number;
}

/** Has rows in doubt settled, soon after the start and then every hour; any number of instances may do so at the same time. */
export class DoubtSettler implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(DoubtSettler.name);
  readonly #stop = new AbortController();

  constructor(private readonly parts: DoubtSettlerParts) {}

  onApplicationBootstrap(): void {
    void this.#run();
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { settle, firstMs = 5_000, everyMs = 3_600_000 } = this.parts;
    await this.#wait(firstMs);
    while (!this.#stop.signal.aborted) {
      try {
        await settle();
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#warn(error);
      }
      await this.#wait(everyMs);
    }
  }

  /** Once a round at most. */
  #warn(error: unknown): void {
    this.#logger.warn(`Rows in doubt were not settled (${failureName(error)}): trying again later.`);
  }

  async #wait(ms: number): Promise<void> {
    try {
      await wait(ms, undefined, { signal: this.#stop.signal, ref: false });
    } catch {
      // Stopped: whoever waits looks at that next.
    }
  }
}
