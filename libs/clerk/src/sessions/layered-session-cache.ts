import { type CachedSession, type KeptSession, SessionCache } from './session-cache.js';

/** What the far cache forgets is forgotten here within this. What was revoked is refused at once: `Revocations` are asked first. */
const NEAR_MS_MAX = 60_000;

export interface LayeredSessionCacheParts {
  /** This process's own. */
  readonly near: SessionCache;
  /** Shared with other processes. */
  readonly far: SessionCache;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** Two caches, one before the other: the near one answers for up to a minute what the far one knows. */
export class LayeredSessionCache extends SessionCache {
  #deletions = 0;

  constructor(private readonly parts: LayeredSessionCacheParts) {
    super();
  }

  async get(sessionId: string): Promise<KeptSession | null> {
    const { near, far, nowMs } = this.parts;
    const deletionsBefore = this.#deletions;
    const nearby = await near.get(sessionId);
    if (nearby !== null) return nearby;
    const kept = await far.get(sessionId);
    if (kept === null) return null;
    const ttlMs = Math.min(kept.untilMs - nowMs(), NEAR_MS_MAX);
    // Deleted while the far cache was asked: its answer may be of before that.
    if (ttlMs >= 1 && this.#deletions === deletionsBefore) await near.set(kept.session, ttlMs);
    return kept;
  }

  async set(session: CachedSession, ttlMs: number): Promise<void> {
    // Near first: it serves on while the far one is down.
    await this.parts.near.set(session, Math.min(ttlMs, NEAR_MS_MAX));
    await this.parts.far.set(session, ttlMs);
  }

  async delete(sessionId: string): Promise<void> {
    this.#deletions += 1;
    await this.parts.near.delete(sessionId);
    await this.parts.far.delete(sessionId);
  }
}
