import type { AuthorizedPartyPolicy } from '../clerk.options.js';
import type { SessionAuth } from './auth.js';
import { OrganizationReader } from './organization-claim.js';
import { SharedText } from './shared-text.js';
import { wrongType } from './session-token.js';
import { checkTimes, invalidClaim, refused, textClaim } from './token-claims.js';
import type { UnknownRecord } from '../unknown-record.js';

/** What the claims of a token must say to be accepted here. */
export interface ClaimRules {
  /** Name of the Clerk instance, for whoever reads the result. */
  readonly instance: string;
  /** Null: any issuer whose key verifies. */
  readonly issuer: string | null;
  readonly authorizedParties: readonly string[];
  readonly authorizedPartyPolicy: AuthorizedPartyPolicy;
  /** Empty: `aud` is not looked at. */
  readonly audiences: readonly string[];
  readonly clockSkewSeconds: number;
}

/** Who a token speaks for, and between which moments. */
export interface VerifiedSession {
  readonly auth: SessionAuth;
  /** Unix time, seconds, by Clerk's clock. */
  readonly issuedAtSeconds: number;
  /** Unix time, milliseconds; 0 when the token does not say. */
  readonly notBeforeMs: number;
}

/** Reads the claims of tokens whose signatures were verified. */
export class SessionClaimsReader {
  readonly #organizations = new OrganizationReader();
  readonly #shared = new SharedText();

  constructor(private readonly rules: ClaimRules) {}

  /**
   * @throws ClerkError one code for each claim that is not right, in this order: TOKEN_CLAIM_INVALID, TOKEN_TYPE_REJECTED,
   * TOKEN_ISSUER_REJECTED, TOKEN_PARTY_REJECTED, TOKEN_AUDIENCE_REJECTED, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID,
   * TOKEN_ISSUED_IN_FUTURE, SESSION_PENDING
   * @see https://clerk.com/docs/guides/sessions/session-tokens
   */
  read(claims: UnknownRecord, nowMs: number): VerifiedSession {
    const { rules } = this;
    const userId = textClaim(claims, 'sub');
    if (!userId.startsWith('user_')) throw wrongType();
    const sessionId = textClaim(claims, 'sid');
    checkIssuer(textClaim(claims, 'iss'), rules);
    checkAuthorizedParty(claims['azp'], rules);
    checkAudience(claims['aud'], rules);
    const times = checkTimes(claims, rules.clockSkewSeconds * 1_000, nowMs);
    checkStatus(claims['sts']);
    const auth: SessionAuth = {
      tokenType: 'session_token',
      instance: rules.instance,
      userId,
      sessionId,
      organization: this.#organizations.read(claims),
      actorId: actorIn(claims['act']),
      expiresAtMs: times.expiresAtMs,
      claims: Object.freeze(this.#shared.in(claims)),
    };
    return {
      auth: Object.freeze(auth),
      issuedAtSeconds: times.issuedAtSeconds,
      notBeforeMs: times.notBeforeMs,
    };
  }
}

function checkIssuer(issuer: string, rules: ClaimRules): void {
  if (rules.issuer !== null && issuer !== rules.issuer) {
    throw refused('TOKEN_ISSUER_REJECTED', 'was issued by another Clerk instance than the configured one');
  }
}

function checkAuthorizedParty(party: unknown, rules: ClaimRules): void {
  if (rules.authorizedPartyPolicy === 'off') return;
  if (party === undefined && rules.authorizedPartyPolicy === 'allow-missing') return;
  if (typeof party !== 'string' || !rules.authorizedParties.includes(party)) {
    throw refused('TOKEN_PARTY_REJECTED', 'was issued to an origin that is not one of authorizedParties');
  }
}

function checkAudience(audience: unknown, { audiences }: ClaimRules): void {
  if (audiences.length === 0) return;
  const named: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  if (!named.some((name) => typeof name === 'string' && audiences.includes(name))) {
    throw refused('TOKEN_AUDIENCE_REJECTED', 'is not for the configured audience');
  }
}

function checkStatus(status: unknown): void {
  if (status === 'pending') {
    throw refused(
      'SESSION_PENDING',
      'belongs to a session that still has tasks to finish before it counts as signed in',
    );
  }
  if (status !== undefined && status !== 'active') throw invalidClaim('sts');
}

function actorIn(actor: unknown): string | null {
  if (actor === undefined || actor === null) return null;
  const subject: unknown = typeof actor === 'object' && 'sub' in actor ? actor.sub : undefined;
  // An impersonation that cannot be read must not pass for the user.
  if (typeof subject !== 'string' || subject === '') throw invalidClaim('act');
  return subject;
}
