import type { Cluster, Redis } from 'ioredis';

import { ClerkError } from '../clerk-error.js';
import { type CachedSession, type KeptSession, SessionCache } from './session-cache.js';
import { withDeadline } from '../deadline.js';

/** A cache that is slower than this is of no use: Clerk itself answers in a quarter of a second. */
const ANSWER_MS_MAX = 1_000;

/** Sessions in Redis, shared by every process of one Clerk instance. */
export class RedisSessionCache extends SessionCache {
  /** @param instance tells Clerk instances on one Redis apart. */
  constructor(
    private readonly redis: Redis | Cluster,
    private readonly instance: string,
  ) {
    super();
  }

  async get(sessionId: string): Promise<KeptSession | null> {
    return parseKept(await answer(this.redis.get(this.#key(sessionId))), sessionId);
  }

  async set(session: CachedSession, ttlMs: number): Promise<void> {
    const kept: KeptSession = { session, untilMs: Date.now() + ttlMs };
    await answer(this.redis.set(this.#key(session.id), JSON.stringify(kept), 'PX', ttlMs));
  }

  async delete(sessionId: string): Promise<void> {
    await answer(this.redis.del(this.#key(sessionId)));
  }

  #key(sessionId: string): string {
    return `clerk:${this.instance}:session:${sessionId}`;
  }
}

/** Null for anything that is not the session asked for: what others wrote there is not taken for it. */
function parseKept(text: string | null, sessionId: string): KeptSession | null {
  if (text === null) return null;
  try {
    const { session, untilMs } = fieldsOf(JSON.parse(text));
    const { id, userId, status, expireAtMs } = fieldsOf(session);
    if (id !== sessionId || typeof userId !== 'string' || typeof status !== 'string') return null;
    if (typeof expireAtMs !== 'number' || typeof untilMs !== 'number') return null;
    return { session: { id, userId, status, expireAtMs }, untilMs };
  } catch {
    // Not JSON: as good as nothing.
    return null;
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

async function answer<T>(call: Promise<T>): Promise<T> {
  try {
    return await withDeadline(call, ANSWER_MS_MAX, () => new Error('Redis gave no answer in time.'));
  } catch (cause) {
    throw new ClerkError('CACHE_UNAVAILABLE', `Redis gave no answer in ${ANSWER_MS_MAX} ms, or refused.`, {
      cause,
    });
  }
}
