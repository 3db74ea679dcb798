import { Injectable, Logger } from '@nestjs/common';
import { type Auth, ClerkService, type MirroredUser } from 'nest-clerk';

import { type MirroredPlan, type Tier, tierOfPlan, tierOfToken } from './tier.js';

/** How long a change in the database may go unnoticed, milliseconds. */
const REMEMBERED_MS = 60_000;
/** A database that cannot answer is asked again after this, milliseconds. */
const FAILED_MS = 5_000;
/** More are forgotten, those first that were looked up first. */
const OWNERS_MAX = 10_000;

interface Remembered {
  readonly tier: Tier | Promise<Tier>;
  /** Monotonic, milliseconds. */
  readonly untilMs: number;
}

/** The tier of a user or an organisation: from the token, else from the database, which is asked once a minute. */
@Injectable()
export class TierLookup {
  readonly #logger = new Logger('Tiers');
  readonly #remembered = new Map<string, Remembered>();
  #isFailing = false;

  constructor(private readonly clerk: ClerkService) {}

  /** Not a promise where the answer is in the token or remembered. Database down: the last answer, else FREE. */
  of(ownerId: string, auth: Auth): Tier | Promise<Tier> {
    const named = tierOfToken(auth, ownerId);
    if (named !== null) return named;
    const remembered = this.#remembered.get(ownerId);
    if (remembered !== undefined && remembered.untilMs > performance.now()) return remembered.tier;
    const tier = this.#ask(ownerId, remembered?.tier ?? 'FREE');
    this.#remember(ownerId, tier, REMEMBERED_MS);
    return tier;
  }

  /** The tier of a user whose row is at hand, as of now: `of` says the same from here on. @throws ClerkError DATABASE_UNAVAILABLE */
  async ofUser({ clerkId, metadata }: MirroredUser, auth: Auth): Promise<Tier> {
    const named = tierOfToken(auth, clerkId);
    if (named !== null) return named;
    const tier = tierOfPlan({ metadata, subscriptionPlan: await this.clerk.subscriptionPlan(clerkId) });
    this.#remember(clerkId, tier, REMEMBERED_MS);
    return tier;
  }

  async #ask(ownerId: string, last: Tier | Promise<Tier>): Promise<Tier> {
    try {
      const [metadata, subscriptionPlan] = await Promise.all([
        this.#metadataOf(ownerId),
        this.clerk.subscriptionPlan(ownerId),
      ]);
      const tier = tierOfPlan({ metadata, subscriptionPlan });
      this.#isFailing = false;
      this.#remember(ownerId, tier, REMEMBERED_MS);
      return tier;
    } catch (error) {
      // A limit on the safe side is better than no answer: whatever needs the database says itself that it is down.
      const tier = await last;
      this.#remember(ownerId, tier, FAILED_MS);
      if (!this.#isFailing)
        this.#logger.warn(`Tiers cannot be looked up (${nameOf(error)}): the last known ones, else FREE.`);
      this.#isFailing = true;
      return tier;
    }
  }

  async #metadataOf(ownerId: string): Promise<MirroredPlan['metadata']> {
    if (ownerId.startsWith('org_')) {
      const lookup = await this.clerk.findMirroredOrganization(ownerId);
      return lookup.outcome === 'found' ? lookup.row.metadata : {};
    }
    const lookup = await this.clerk.findMirroredUser(ownerId);
    return lookup.outcome === 'found' ? lookup.user.metadata : {};
  }

  #remember(ownerId: string, tier: Tier | Promise<Tier>, forMs: number): void {
    this.#remembered.delete(ownerId);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= OWNERS_MAX && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(ownerId, { tier, untilMs: performance.now() + forMs });
  }
}

/** An error's code or name; its text may quote data. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
