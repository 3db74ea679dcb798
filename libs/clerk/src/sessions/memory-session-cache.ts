import { type CachedSession, type KeptSession, SessionCache } from './session-cache.js';

const SESSIONS_MAX = 10_000;

/** Sessions in this process only: the latest 10,000. */
export class MemorySessionCache extends SessionCache {
  readonly #entries = new Map<string, KeptSession>();

  constructor(private readonly nowMs: () => number) {
    super();
  }

  get(sessionId: string): Promise<KeptSession | null> {
    const entry = this.#entries.get(sessionId);
    return Promise.resolve(entry !== undefined && entry.untilMs > this.nowMs() ? entry : null);
  }

  set(session: CachedSession, ttlMs: number): Promise<void> {
    this.#entries.delete(session.id);
    this.#entries.set(session.id, { session, untilMs: this.nowMs() + ttlMs });
    if (this.#entries.size > SESSIONS_MAX) {
      const [oldest = session.id] = this.#entries.keys();
      this.#entries.delete(oldest);
    }
    return Promise.resolve();
  }

  delete(sessionId: string): Promise<void> {
    this.#entries.delete(sessionId);
    return Promise.resolve();
  }
}
