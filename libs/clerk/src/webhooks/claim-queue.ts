import type { Claim, WebhookInbox } from './webhook-inbox.js';

/** Hands out due deliveries to those who work on them side by side, claiming several with one statement. */
export class ClaimQueue {
  readonly #claims: Claim[] = [];
  #claiming: Promise<void> | null = null;
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

  /** What was claimed and nobody works on. */
  empty(): Claim[] {
    return this.#claims.splice(0);
  }

  async #refill(): Promise<void> {
    this.#mayBeMore = false;
    const claims = await this.inbox.claim('fresh', this.claimsMax);
    this.#claims.push(...claims);
    if (claims.length === this.claimsMax) this.#mayBeMore = true;
  }
}
