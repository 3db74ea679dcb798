import { randomUUID } from 'node:crypto';

import type { CachedSession, SessionCache } from './session-cache.js';

/** What every session cache must hold to. `wait` lets time pass for it; `nowMs` is its clock, `Date.now` by default. */
export function describeSessionCache(
  create: () => { cache: SessionCache; wait: (ms: number) => Promise<void>; nowMs?: () => number },
): void {
  const session = (): CachedSession => ({
    id: `sess_${randomUUID()}`,
    userId: 'user_1',
    status: 'active',
    expireAtMs: 1_900_000_000_000,
  });

  it('gives back what was stored, and nothing else', async () => {
    const { cache } = create();
    const stored = session();
    await cache.set(stored, 60_000);
    expect((await cache.get(stored.id))?.session).toEqual(stored);
    expect(await cache.get(session().id)).toBeNull();
  });

  it('keeps an entry no longer than it was told', async () => {
    const { cache, wait } = create();
    const stored = session();
    await cache.set(stored, 40);
    await wait(60);
    expect(await cache.get(stored.id)).toBeNull();
  });

  it('says until when an entry may be served', async () => {
    const { cache, nowMs = Date.now } = create();
    const stored = session();
    const beforeMs = nowMs();
    await cache.set(stored, 30_000);
    const afterMs = nowMs();
    const untilMs = (await cache.get(stored.id))?.untilMs;
    expect(untilMs).toBeGreaterThanOrEqual(beforeMs + 30_000);
    expect(untilMs).toBeLessThanOrEqual(afterMs + 30_000);
  });

  it('forgets what is deleted', async () => {
    const { cache } = create();
    const stored = session();
    await cache.set(stored, 60_000);
    await cache.delete(stored.id);
    expect(await cache.get(stored.id)).toBeNull();
  });
}
