/** What `validateSession` remembers of a Clerk session. */
export interface CachedSession {
  readonly id: string;
  readonly userId: string;
  readonly status: string;
  /** Unix time, milliseconds: when Clerk lets the session end. */
  readonly expireAtMs: number;
}

/** A session as a cache has it. */
export interface KeptSession {
  readonly session: CachedSession;
  /** Unix time, milliseconds: from then on it may not be served. */
  readonly untilMs: number;
}

/** Remembers sessions that Clerk answered for. Entries never outlive the time they were stored for. */
export abstract class SessionCache {
  /** @throws ClerkError CACHE_UNAVAILABLE when the store cannot answer. */
  abstract get(sessionId: string): Promise<KeptSession | null>;
  /** @param ttlMs how long the entry may be served; at least 1. */
  abstract set(session: CachedSession, ttlMs: number): Promise<void>;
  abstract delete(sessionId: string): Promise<void>;
}
