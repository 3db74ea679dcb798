import { Logger } from '@nestjs/common';

import { REVOCATION_KEPT_MS } from '../auth/revocation.js';
import { ClerkError } from '../clerk-error.js';
import { requireClerkId } from '../client/clerk-id.js';
import { SingleFlight } from '../single-flight.js';
import type { CachedSession, SessionCache } from './session-cache.js';

/** Where a session stands. */
export type SessionValidation =
  | { readonly outcome: 'active'; readonly session: CachedSession }
  /** `status` is Clerk's: ended, removed, revoked, expired, abandoned, replaced, pending. */
  | { readonly outcome: 'inactive'; readonly status: string }
  | { readonly outcome: 'unknown' };

export interface ClerkSessionsParts {
  readonly cache: SessionCache;
  /** Asks Clerk. @throws ClerkError */
  readonly fetchSession: (sessionId: string) => Promise<CachedSession>;
  /** Asks Clerk to revoke. @throws ClerkError */
  readonly revokeSession: (sessionId: string) => Promise<unknown>;
  readonly isRevoked: (sessionId: string) => boolean;
  /** Whether what is remembered of this user's sessions may be out of date. */
  readonly isUserInDoubt: (userId: string) => boolean;
  /** Called once a session was revoked: its tokens are refused from then on. */
  readonly onRevoked: (sessionId: string) => void;
  /** Longest time an answer is remembered, milliseconds; never longer than revocations are. */
  readonly ttlMs: number;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

const REVOKED: SessionValidation = { outcome: 'inactive', status: 'revoked' };

/** Whether sessions are alive: from the cache, else from Clerk. For each session one of both is asked at a time. */
export class ClerkSessions {
  readonly #logger = new Logger(ClerkSessions.name);
  readonly #underWay = new SingleFlight<SessionValidation>();

  constructor(private readonly parts: ClerkSessionsParts) {}

  /**
   * @throws ClerkError CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED when neither knows
   * @throws ClerkError CLERK_REQUEST_INVALID when it is no id of a session: nobody is asked
   */
  async validate(sessionId: string): Promise<SessionValidation> {
    requireClerkId('sess', sessionId);
    if (this.parts.isRevoked(sessionId)) return REVOKED;
    const validation = await this.#underWay.run(sessionId, () => this.#find(sessionId));
    // Revoked while somebody was asked: the answer may be older than that.
    return this.parts.isRevoked(sessionId) ? REVOKED : validation;
  }

  /** Ends a session at Clerk. Its tokens are refused by this process at once. @throws ClerkError */
  async revoke(sessionId: string): Promise<void> {
    requireClerkId('sess', sessionId);
    await this.parts.revokeSession(sessionId);
    await this.forget(sessionId);
  }

  /** Refuses the session's tokens from now on, and what the cache says of it. */
  async forget(sessionId: string): Promise<void> {
    this.parts.onRevoked(sessionId);
    await this.#recover(this.parts.cache.delete(sessionId), undefined);
  }

  async #find(sessionId: string): Promise<SessionValidation> {
    const cached = await this.#cached(sessionId);
    return cached === null || this.parts.isUserInDoubt(cached.userId)
      ? this.#ask(sessionId)
      : this.#judge(cached);
  }

  async #ask(sessionId: string): Promise<SessionValidation> {
    const askedAtMs = this.parts.nowMs();
    const validation = await this.#fetch(sessionId);
    if (validation.outcome === 'active' && !this.parts.isRevoked(sessionId))
      await this.#remember(validation.session, askedAtMs);
    // Else the cache would bring it back to life once nobody remembers that it was revoked.
    else await this.#recover(this.parts.cache.delete(sessionId), undefined);
    return validation;
  }

  async #fetch(sessionId: string): Promise<SessionValidation> {
    try {
      return this.#judge(await this.parts.fetchSession(sessionId));
    } catch (error) {
      if (error instanceof ClerkError && error.code === 'CLERK_RESOURCE_NOT_FOUND')
        return { outcome: 'unknown' };
      throw error;
    }
  }

  /** What is revoked after `askedAtMs` is remembered at least until the entry ends: nothing dead comes back from the cache. */
  async #remember(session: CachedSession, askedAtMs: number): Promise<void> {
    const endsAtMs = Math.min(session.expireAtMs, askedAtMs + REVOCATION_KEPT_MS);
    const ttlMs = Math.min(this.parts.ttlMs, endsAtMs - this.parts.nowMs());
    if (ttlMs >= 1) await this.#recover(this.parts.cache.set(session, ttlMs), undefined);
  }

  #judge(session: CachedSession): SessionValidation {
    if (session.status !== 'active') return { outcome: 'inactive', status: session.status };
    if (session.expireAtMs <= this.parts.nowMs()) return { outcome: 'inactive', status: 'expired' };
    return { outcome: 'active', session };
  }

  async #cached(sessionId: string): Promise<CachedSession | null> {
    const kept = await this.#recover(this.parts.cache.get(sessionId), null);
    return kept?.session ?? null;
  }

  /** The cache only saves calls: without it Clerk is asked, and what it should have forgotten runs out by itself. */
  async #recover<T>(call: Promise<T>, fallback: T): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof ClerkError && error.code === 'CACHE_UNAVAILABLE')) throw error;
      this.#logger.warn(`The session cache does not answer: ${error.message}`);
      return fallback;
    }
  }
}
