import { ClerkError } from '../clerk-error.js';
import { LayeredSessionCache } from './layered-session-cache.js';
import { MemorySessionCache } from './memory-session-cache.js';
import { describeSessionCache } from './session-cache.contract.js';
import { type CachedSession, type KeptSession, SessionCache } from './session-cache.js';

const SESSION: CachedSession = {
  id: 'sess_1',
  userId: 'user_1',
  status: 'active',
  expireAtMs: 1_900_000_000_000,
};

/** Counts what it is asked, can be down, and answers when `open` is awaited. */
class WatchedSessionCache extends SessionCache {
  gets = 0;
  isDown = false;
  open: Promise<unknown> = Promise.resolve();

  constructor(private readonly inner: SessionCache) {
    super();
  }

  async get(sessionId: string): Promise<KeptSession | null> {
    this.gets += 1;
    const kept = await this.#answer(this.inner.get(sessionId));
    await this.open;
    return kept;
  }

  set(session: CachedSession, ttlMs: number): Promise<void> {
    return this.#answer(this.inner.set(session, ttlMs));
  }

  delete(sessionId: string): Promise<void> {
    return this.#answer(this.inner.delete(sessionId));
  }

  #answer<T>(call: Promise<T>): Promise<T> {
    return this.isDown ? Promise.reject(new ClerkError('CACHE_UNAVAILABLE', 'down')) : call;
  }
}

/** Two processes with one far cache. */
function setUp() {
  const clock = { nowMs: 1_800_000_000_000 };
  const nowMs = () => clock.nowMs;
  const far = new WatchedSessionCache(new MemorySessionCache(nowMs));
  const process = () => new LayeredSessionCache({ near: new MemorySessionCache(nowMs), far, nowMs });
  return { clock, far, here: process(), there: process() };
}

describe('sessions in memory before a shared cache', () => {
  describeSessionCache(() => {
    const { here, clock } = setUp();
    const wait = (ms: number) => {
      clock.nowMs += ms;
      return Promise.resolve();
    };
    return { cache: here, wait, nowMs: () => clock.nowMs };
  });

  it('are read from the shared cache once a minute, by those who did not store them too', async () => {
    const { here, there, far, clock } = setUp();
    await here.set(SESSION, 86_400_000);
    await here.get('sess_1');
    expect(far.gets).toBe(0);
    await there.get('sess_1');
    await there.get('sess_1');
    clock.nowMs += 59_999;
    expect((await there.get('sess_1'))?.session).toEqual(SESSION);
    await here.get('sess_1');
    expect(far.gets).toBe(1);
    clock.nowMs += 1;
    await there.get('sess_1');
    await here.get('sess_1');
    expect(far.gets).toBe(3);
  });

  it('never outlive the time that they were stored for, whoever reads them late', async () => {
    const { here, there, clock } = setUp();
    await here.set(SESSION, 90_000);
    clock.nowMs += 89_999;
    expect(await there.get('sess_1')).not.toBeNull();
    clock.nowMs += 1;
    expect(await there.get('sess_1')).toBeNull();
  });

  it('are forgotten by other processes within a minute of being deleted', async () => {
    const { here, there, clock } = setUp();
    await here.set(SESSION, 86_400_000);
    await there.get('sess_1');
    await here.delete('sess_1');
    expect(await here.get('sess_1')).toBeNull();
    clock.nowMs += 60_000;
    expect(await there.get('sess_1')).toBeNull();
  });

  it('are not kept when they are deleted while they are read', async () => {
    const { here, there, far } = setUp();
    await here.set(SESSION, 86_400_000);
    let release = () => {};
    far.open = new Promise<void>((resolve) => (release = resolve));
    const reading = there.get('sess_1');
    await there.delete('sess_1');
    release();
    await reading;
    expect(await there.get('sess_1')).toBeNull();
  });

  it('are served by this process for as long as it knows them while the shared cache is down', async () => {
    const { here, there, far } = setUp();
    far.isDown = true;
    await expect(here.set(SESSION, 86_400_000)).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    expect((await here.get('sess_1'))?.session).toEqual(SESSION);
    await expect(here.delete('sess_1')).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    await expect(here.get('sess_1')).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    await expect(there.get('sess_1')).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
  });
});
