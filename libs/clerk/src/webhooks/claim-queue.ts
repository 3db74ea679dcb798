import type { Claim, ClaimKind, WebhookInbox } from './webhook-inbox.js';

/** Hands out due deliveries to those who work on them side by side, claiming several with one statement. */
export class ClaimQueue {
  readonly #claims: Claim[] = [];
  /** Claimed, and stopped by an outage. */
  readonly #stopped: Claim[] = [];
  #claiming: Promise<void> | null = null;
  #releasing: Promise<void> | null = null;
  #mayBeMore = false;

  constructor(
    private readonly inbox: WebhookInbox,
    private readonly claimsMax: number,
  ) {}

  /** Says that something may be due: also what comes while a claim is under way is asked for. */
  announce(): void {
    this.#mayBeMore = true;
  }

  /** Whether something was announced that nobody has looked for yet. */
  get isAnnounced(): boolean {
    return this.#mayBeMore;
  }

  /** The next delivery to work on; null when nothing is due. @throws ClerkError DATABASE_UNAVAILABLE */
  async next(): Promise<Claim | null> {
    for (;;) {
      const claim = this.#claims.shift();
      if (claim !== undefined) return claim;
      if (this.#claiming === null && !this.#mayBeMore) return null;
      this.#claiming ??= this.#refill().finally(() => {
        this.#claiming = null;
      });
      await this.#claiming;
    }
  }

  /** One that is claimed by itself; null when none is due. @throws ClerkError DATABASE_UNAVAILABLE */
  async nextOf(kind: Exclude<ClaimKind, 'fresh'>): Promise<Claim | null> {
    await this.#release();
    const [claim] = await this.inbox.claim(kind, 1);
    return claim ?? null;
  }

  /**
   * Takes back one on which an outage has stopped the work, and those behind it, which would meet the same. They are given back
   * before anything else is claimed: their process lives.
   */
  stop(claim: Claim): void {
    this.#stopped.push(claim, ...this.#claims.splice(0));
  }

  /** Gives back what was claimed and would wait here until nobody knew whether its process lives: others may have time for it. */
  giveBack(): void {
    if (this.#claims.length === 0) return;
    this.#stopped.push(...this.#claims.splice(0));
    this.#mayBeMore = true;
    // What cannot be given back now stays stopped, and is before the next claim.
    this.#release().catch(() => undefined);
  }

  /** What was claimed and nobody works on. */
  empty(): Claim[] {
    return [...this.#claims.splice(0), ...this.#stopped.splice(0)];
  }

  async #refill(): Promise<void> {
    this.#mayBeMore = false;
    await this.#release();
    const claims = await this.inbox.claim('fresh', this.claimsMax);
    this.#claims.push(...claims);
    if (claims.length === this.claimsMax) this.#mayBeMore = true;
  }

  async #release(): Promise<void> {
    this.#releasing ??= this.#releaseStopped().finally(() => {
      this.#releasing = null;
    });
    await this.#releasing;
  }

  async #releaseStopped(): Promise<void> {
    const stopped = [...this.#stopped];
    await this.inbox.release(stopped);
    this.#stopped.splice(0, stopped.length);
  }
}
