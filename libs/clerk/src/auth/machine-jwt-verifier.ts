import type { KeyObject } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import type { MachineAuth } from './auth.js';
import { checkSignature, type CompactJws, decodeJws } from './compact-jws.js';
import { checkTimes, invalidClaim, textClaim } from './token-claims.js';
import type { Revocations } from './revocations.js';
import type { TokenKeys } from './token-keys.js';
import type { UnknownRecord } from '../unknown-record.js';

export type MachineJwtType = 'm2m_token' | 'oauth_token';

/** Values of `cat` and `typ`. Read in @clerk/backend 3.20.1, src/tokens/jwtCategories.ts and src/tokens/machine.ts; RFC 9068, 2.1. */
const MACHINE_CATEGORY = 'cl_B7d4PD333AAA';
const ACCESS_TOKEN_TYPES: ReadonlySet<unknown> = new Set(['at+jwt', 'application/at+jwt']);
/** What Clerk puts into the token itself; the rest are claims of whoever made it. */
const OWN_CLAIMS: ReadonlySet<string> = new Set(['iss', 'sub', 'exp', 'nbf', 'iat', 'jti']);

/** What kind of machine token a JWT says it is; null for all others. Nothing is proved by it. */
export function machineJwtType(token: string): MachineJwtType | null {
  try {
    const { header, claims } = decodeJws(token);
    if (ACCESS_TOKEN_TYPES.has(header['typ'])) return 'oauth_token';
    const { sub } = claims;
    return typeof sub === 'string' && sub.startsWith('mch_') ? 'm2m_token' : null;
  } catch (error) {
    // Whoever takes it for a session token says what is wrong with it.
    if (error instanceof ClerkError) return null;
    throw error;
  }
}

export interface MachineJwtVerifierParts {
  readonly keys: TokenKeys;
  readonly revocations: Revocations;
  /** Name of the Clerk instance, for whoever reads the result. */
  readonly instance: string;
  /** Empty: `aud` of an OAuth access token is not looked at. */
  readonly audiences: readonly string[];
  readonly clockSkewSeconds: number;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Verifies machine tokens and OAuth access tokens in the form of a JWT with the keys of the instance: no call to Clerk, nothing
 * billed, and nothing that could revoke one before it expires but the end of the user that it stands for.
 *
 * @see https://clerk.com/docs/guides/development/machine-auth/m2m-tokens https://www.rfc-editor.org/rfc/rfc9068
 */
export class MachineJwtVerifier {
  constructor(private readonly parts: MachineJwtVerifierParts) {}

  /**
   * @throws ClerkError TOKEN_* when the token is refused; USER_DELETED, SESSION_REVOKED when its user is deleted, banned or locked
   * @throws ClerkError CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED when no key can be had now
   */
  verify(tokenType: MachineJwtType, token: string): MachineAuth | Promise<MachineAuth> {
    const jws = decodeJws(token);
    checkType(tokenType, jws.header);
    const key = this.parts.keys.find(jws.keyId);
    if (key !== null) return this.#verifyWith(key, tokenType, jws);
    return this.parts.keys.load(jws.keyId).then((loaded) => this.#verifyWith(loaded, tokenType, jws));
  }

  #verifyWith(key: KeyObject, tokenType: MachineJwtType, jws: CompactJws): MachineAuth {
    const { audiences, clockSkewSeconds, instance, nowMs } = this.parts;
    checkSignature(key, jws);
    const { claims } = jws;
    const { expiresAtMs, issuedAtSeconds } = checkTimes(claims, clockSkewSeconds * 1_000, nowMs());
    if (tokenType === 'oauth_token') checkAudience(claims['aud'], audiences);
    const subject = textClaim(claims, 'sub');
    this.parts.revocations.checkUser(subject, issuedAtSeconds);
    return Object.freeze({
      tokenType,
      instance,
      expiresAtMs,
      id: textClaim(claims, 'jti'),
      subject,
      scopes: Object.freeze(scopesIn(tokenType, claims)),
      claims: Object.freeze(
        Object.fromEntries(Object.entries(claims).filter(([name]) => !OWN_CLAIMS.has(name))),
      ),
    });
  }
}

function checkType(tokenType: MachineJwtType, { typ = 'JWT', cat = MACHINE_CATEGORY }: UnknownRecord): void {
  const isRight =
    tokenType === 'oauth_token' ? ACCESS_TOKEN_TYPES.has(typ) : typ === 'JWT' && cat === MACHINE_CATEGORY;
  if (!isRight) throw new ClerkError('TOKEN_TYPE_REJECTED', `The token is not a JWT of type ${tokenType}.`);
}

function checkAudience(audience: unknown, audiences: readonly string[]): void {
  const named: readonly unknown[] = [audience].flat();
  if (audiences.length === 0 || named.some((name) => typeof name === 'string' && audiences.includes(name)))
    return;
  throw new ClerkError('TOKEN_AUDIENCE_REJECTED', 'The token is not for the configured audience.');
}

/** A machine token: `scopes`, else `aud`, the machines that it is for. An OAuth access token: `scp`, else `scope` (RFC 8693, 4.2). */
function scopesIn(tokenType: MachineJwtType, claims: UnknownRecord): string[] {
  const [list, text] = tokenType === 'oauth_token' ? ['scp', 'scope'] : ['aud', 'scopes'];
  const preferred =
    tokenType === 'oauth_token' ? (claims[list] ?? claims[text]) : (claims[text] ?? claims[list]);
  const scopes =
    typeof preferred === 'string' ? preferred.split(' ').filter((scope) => scope !== '') : (preferred ?? []);
  if (Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string')) return scopes;
  throw invalidClaim('scope');
}
