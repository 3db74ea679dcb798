import type { KeyObject } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import type { SessionAuth } from './auth.js';
import { checkSignature, type CompactJws } from './compact-jws.js';
import type { Revocations } from './revocations.js';
import { type ClaimRules, SessionClaimsReader, type VerifiedSession } from './session-claims.js';
import { decodeSessionToken } from './session-token.js';
import type { TokenKeys } from './token-keys.js';
import { digestOf, type VerifiedTokens } from './verified-tokens.js';
import type { UnknownRecord } from '../unknown-record.js';

export interface SessionTokenVerifierParts {
  readonly keys: TokenKeys;
  readonly rules: ClaimRules;
  readonly verifiedTokens: VerifiedTokens;
  readonly revocations: Revocations;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** An instance has a key or two at a time; once there are more than these, headers are decoded each time. */
const HEADERS_MAX = 16;

/** Verifies session tokens: RS256 with a kept key object, and a bounded memory of tokens that were verified before. */
export class SessionTokenVerifier {
  readonly #claims: SessionClaimsReader;
  readonly #headers = new Map<string, UnknownRecord>();
  #withdrawals = 0;

  constructor(private readonly parts: SessionTokenVerifierParts) {
    this.#claims = new SessionClaimsReader(parts.rules);
  }

  /**
   * Who the token speaks for. Answers at once (no promise) whenever the key is at hand; every call checks expiry, start and
   * revocation.
   *
   * @throws ClerkError TOKEN_* or SESSION_* when the token is refused; USER_DELETED
   * @throws ClerkError CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED when no key can be had now
   */
  verify(token: string): SessionAuth | Promise<SessionAuth> {
    const digest = digestOf(token);
    this.#forgetWithdrawn();
    const nowMs = this.parts.nowMs();
    const known = this.parts.verifiedTokens.get(digest, nowMs);
    if (known !== null) {
      this.parts.keys.keepFresh(nowMs);
      return this.#admit(known);
    }
    const decoded = decodeSessionToken(token, this.#headers);
    const key = this.parts.keys.find(decoded.keyId);
    if (key !== null) return this.#verifyWith(key, decoded, digest);
    return this.parts.keys.load(decoded.keyId).then((loaded) => this.#verifyWith(loaded, decoded, digest));
  }

  /** Whether the token was verified before and has not expired. */
  remembers(token: string): boolean {
    this.#forgetWithdrawn();
    return this.parts.verifiedTokens.get(digestOf(token), this.parts.nowMs()) !== null;
  }

  /** Whether the key that the token names is at hand. False for what is no token. */
  hasKey(token: string): boolean {
    try {
      return this.parts.keys.find(decodeSessionToken(token).keyId) !== null;
    } catch (error) {
      if (error instanceof ClerkError) return false;
      throw error;
    }
  }

  /** A key is withdrawn because it can no longer be trusted: then neither can what it signed. Rare enough to forget all. */
  #forgetWithdrawn(): void {
    const { withdrawals } = this.parts.keys;
    if (withdrawals === this.#withdrawals) return;
    this.#withdrawals = withdrawals;
    this.parts.verifiedTokens.clear();
    this.#headers.clear();
  }

  #verifyWith(key: KeyObject, decoded: CompactJws, digest: string): SessionAuth {
    checkSignature(key, decoded);
    if (this.#headers.size < HEADERS_MAX) this.#headers.set(decoded.headerPart, decoded.header);
    const nowMs = this.parts.nowMs();
    const session = this.#claims.read(decoded.claims, nowMs);
    this.parts.verifiedTokens.set(digest, session, nowMs);
    return this.#admit(session);
  }

  #admit(session: VerifiedSession): SessionAuth {
    this.parts.revocations.check(session);
    return session.auth;
  }
}
