import type { ExecutionContext } from '@nestjs/common';
import { type Auth, getRequestAuth } from 'nest-clerk';
import type { RateLimitIdentity } from 'nest-rate-tiers';

import { TierLookup } from '../users/tier-lookup.js';
import type { Tier } from '../users/tier.js';

/** Whose budget a call spends, by what the guard proved. */
export class CallIdentity {
  constructor(
    private readonly tiers: TierLookup,
    private readonly isPerOrganization: boolean,
  ) {}

  /** Null for nobody, who is known by his address. */
  of(context: ExecutionContext): RateLimitIdentity | null | Promise<RateLimitIdentity> {
    const auth = getRequestAuth(context);
    if (auth === null || auth === undefined) return null;
    const principal = ownerOf(auth, this.isPerOrganization);
    const tier = this.#tierOf(principal, auth);
    return tier instanceof Promise ? tier.then((known) => ({ principal, tier: known })) : { principal, tier };
  }

  /** Only who has the secret key of the instance makes machine tokens: other services of the same house. */
  #tierOf(ownerId: string, auth: Auth): Tier | Promise<Tier> {
    return auth.tokenType === 'm2m_token' ? 'ENTERPRISE' : this.tiers.of(ownerId, auth);
  }
}

/** The user, whatever kind of token stands for him: nobody gets a second budget by making a key. Else an organisation or a machine. */
function ownerOf(auth: Auth, isPerOrganization: boolean): string {
  if (auth.tokenType !== 'session_token') return auth.subject;
  return isPerOrganization && auth.organization !== null ? auth.organization.id : auth.userId;
}
