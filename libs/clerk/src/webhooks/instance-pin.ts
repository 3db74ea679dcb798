import { Logger } from '@nestjs/common';

import { ClerkError } from '../clerk-error.js';

export interface InstancePinParts {
  /** `ins_…` whose webhooks count; null: to be learned. */
  readonly instanceId: string | null;
  /** Asks Clerk which instance the secret key is of; null without a key. */
  readonly fetchInstanceId: (() => Promise<string>) | null;
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
}

/** An event waits this long for Clerk to say which instance is ours, milliseconds. */
const PATIENCE_MS = 1_000;
const ASK_AGAIN_MS = 5_000;
const WARNED_MAX = 100;

/**
 * Tells the events of our Clerk instance from those of another: a secret of development in production, or the example of the
 * dashboard. Without a secret key nobody can say which is ours, and all are.
 */
export class InstancePin {
  readonly #logger = new Logger(InstancePin.name);
  readonly #warned = new Set<string>();
  #instanceId: string | null;
  #learning: Promise<void> | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: InstancePinParts) {
    this.#instanceId = parts.instanceId;
  }

  /**
   * @param instanceId that the event names, null when it names none
   * @throws ClerkError CLERK_UNAVAILABLE within a second while Clerk does not say which is ours
   */
  async isForeign(instanceId: string | null): Promise<boolean> {
    if (instanceId === null) return false;
    if (this.#instanceId === null) await this.#learn();
    if (this.#instanceId === instanceId) return false;
    if (this.#instanceId === null) {
      if (this.parts.fetchInstanceId === null) return false;
      throw new ClerkError(
        'CLERK_UNAVAILABLE',
        'Clerk does not say which instance is ours: webhooks wait. CLERK_INSTANCE_ID would say it.',
      );
    }
    this.#warn(instanceId);
    return true;
  }

  /** Waits for the answer, but not for long: the next event may have it. */
  async #learn(): Promise<void> {
    const { fetchInstanceId, nowMs } = this.parts;
    if (fetchInstanceId === null) return;
    if (this.#learning === null && nowMs() - this.#askedAtMs >= ASK_AGAIN_MS) {
      this.#askedAtMs = nowMs();
      this.#learning = this.#ask(fetchInstanceId).finally(() => {
        this.#learning = null;
      });
    }
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([this.#learning, enough]);
    clearTimeout(timer);
  }

  async #ask(fetchInstanceId: () => Promise<string>): Promise<void> {
    try {
      this.#instanceId = await fetchInstanceId();
    } catch {
      // Clerk is down or refuses: events wait, and it is asked again later.
    }
  }

  #warn(instanceId: string): void {
    if (this.#warned.has(instanceId) || this.#warned.size >= WARNED_MAX) return;
    this.#warned.add(instanceId);
    this.#logger.warn(
      `Webhooks of the Clerk instance ${instanceId} arrive, which is not ours (${this.#instanceId}): they are acknowledged and not applied. Check the endpoint's secret and CLERK_INSTANCE_ID.`,
    );
  }
}
