import type { Logger } from '@nestjs/common';

import { failureName } from './retry-delay.js';
import type { HandleStep } from './webhook-inbox.js';

type Failed = Extract<HandleStep, { outcome: 'failed' }>;
type Postponed = Extract<HandleStep, { outcome: 'postponed' }>;

const PAUSE_MS = 10_000;

/** Says which deliveries fail; which wait it says every 10 s at most: in an outage all of them do, over and over. */
export class StepLog {
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  /** @param nowMs a clock that never goes back, milliseconds */
  constructor(
    private readonly logger: Pick<Logger, 'error' | 'warn'>,
    private readonly nowMs: () => number,
  ) {}

  note(step: HandleStep): void {
    if (step.outcome === 'failed') this.#noteFailed(step);
    if (step.outcome === 'postponed') this.#notePostponed(step);
  }

  #noteFailed({ deliveryId, attempts, isDead, cause }: Failed): void {
    const what = `Webhook ${deliveryId} failed (attempt ${attempts}, ${failureName(cause)})`;
    if (isDead) this.logger.error(`${what} and is parked as dead: replay it from Clerk's dashboard.`);
    else this.logger.warn(`${what} and will be tried again.`);
  }

  #notePostponed({ deliveryId, cause }: Postponed): void {
    const nowMs = this.nowMs();
    if (nowMs - this.#saidAtMs < PAUSE_MS) {
      this.#unsaid += 1;
      return;
    }
    const others = this.#unsaid === 0 ? '' : `; ${this.#unsaid} were put off since this was last said`;
    this.logger.warn(
      `Webhook ${deliveryId} waits for what does not answer (${failureName(cause)})${others}.`,
    );
    this.#saidAtMs = nowMs;
    this.#unsaid = 0;
  }
}
