import { type ExecutionContext, Logger } from '@nestjs/common';

import type { Tier } from '../tiers/tier.js';
import { addressPrincipal } from './address-principal.js';
import { clientAddress } from './client-address.js';
import type { Identify, RateLimitIdentity } from './identity.js';

/** Whose budget a call spends. */
export interface Caller {
  readonly principal: string;
  readonly tier: Tier;
}

export interface CallerOptions {
  readonly identify: Identify;
  readonly tiers: ReadonlyMap<string, Tier>;
  /** Of those who are known by their address only. */
  readonly anonymousTier: Tier;
  /** In place of a tier that does not exist. */
  readonly fallbackTier: Tier;
}

/** Names that are remembered as logged; more are not logged. */
const LOGGED_NAMES_MAX = 100;
const NAME_LENGTH_MAX = 40;

/** Who makes a call, as `identify` says, and on which tier. */
export class Callers {
  readonly #logger = new Logger('RateLimit');
  readonly #loggedNames = new Set<string>();

  constructor(private readonly options: CallerOptions) {}

  /** @throws whatever `identify` throws, and TypeError when it gives no principal; a promise of it rejects */
  of(context: ExecutionContext): Caller | PromiseLike<Caller> {
    const identity = this.options.identify(context);
    if (identity !== null && 'then' in identity) {
      return identity.then((known) => this.#callerOf(known, context));
    }
    return this.#callerOf(identity, context);
  }

  /** Somebody without a name. */
  anonymous(context: ExecutionContext): Caller {
    return {
      principal: addressPrincipal(clientAddress(context)),
      tier: this.options.anonymousTier,
    };
  }

  #callerOf(identity: RateLimitIdentity | null, context: ExecutionContext): Caller {
    if (identity === null) return this.anonymous(context);
    const { principal, tier } = identity;
    if (typeof principal !== 'string' || principal === '') {
      throw new TypeError('identify() must give a principal that is text and not empty.');
    }
    // Apart from those who are known by their address, whatever it is that `identify` gives.
    return { principal: `caller:${principal}`, tier: this.options.tiers.get(tier) ?? this.#fallback(tier) };
  }

  #fallback(name: unknown): Tier {
    const shown = JSON.stringify(String(name).slice(0, NAME_LENGTH_MAX));
    if (!this.#loggedNames.has(shown) && this.#loggedNames.size < LOGGED_NAMES_MAX) {
      this.#loggedNames.add(shown);
      this.#logger.warn(
        `There is no tier ${shown}: ${this.options.fallbackTier.name} is taken in its place.`,
      );
    }
    return this.options.fallbackTier;
  }
}
