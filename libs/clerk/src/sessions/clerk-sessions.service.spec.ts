import { Logger } from '@nestjs/common';

import { REVOCATION_KEPT_MS } from '../auth/revocation.js';
import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';
import { ClerkSessions } from './clerk-sessions.service.js';
import { LayeredSessionCache } from './layered-session-cache.js';
import { MemorySessionCache } from './memory-session-cache.js';
import { type CachedSession, type KeptSession, SessionCache } from './session-cache.js';

const ACTIVE: CachedSession = { id: 'sess_1', userId: 'user_1', status: 'active', expireAtMs: 100_000 };

class BrokenSessionCache extends SessionCache {
  get = broken;
  set = broken;
  delete = broken;
}

/** As Redis: shared, and slower than memory. */
class CountingSessionCache extends MemorySessionCache {
  gets = 0;

  override async get(sessionId: string): Promise<KeptSession | null> {
    this.gets += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return super.get(sessionId);
  }
}

function broken(): Promise<never> {
  return Promise.reject(new ClerkError('CACHE_UNAVAILABLE', 'Redis is down.'));
}

function setUp(cache?: SessionCache, ttlMs = 60_000) {
  const clock = { nowMs: 0 };
  const clerk = { session: ACTIVE, calls: 0, failure: null as ClerkErrorCode | null, whileAsked: () => {} };
  const revoked = new Set<string>();
  const inDoubt = new Set<string>();
  const sessions = new ClerkSessions({
    cache: cache ?? new MemorySessionCache(() => clock.nowMs),
    fetchSession: async () => {
      clerk.calls += 1;
      await Promise.resolve();
      clerk.whileAsked();
      if (clerk.failure !== null) throw new ClerkError(clerk.failure, 'no');
      return clerk.session;
    },
    revokeSession: () => Promise.resolve(),
    isRevoked: (id) => revoked.has(id),
    isUserInDoubt: (id) => inDoubt.has(id),
    onRevoked: (id) => revoked.add(id),
    ttlMs,
    nowMs: () => clock.nowMs,
  });
  return { sessions, clerk, clock, revoked, inDoubt };
}

beforeAll(() => Logger.overrideLogger(false));

describe('a session', () => {
  it('is asked about once, however many ask, and remembered for as long as the option says', async () => {
    const { sessions, clerk, clock } = setUp();
    const answers = await Promise.all(Array.from({ length: 20 }, () => sessions.validate('sess_1')));
    expect(answers).toEqual(Array.from({ length: 20 }, () => ({ outcome: 'active', session: ACTIVE })));
    clock.nowMs = 59_999;
    await sessions.validate('sess_1');
    expect(clerk.calls).toBe(1);
    clock.nowMs = 60_000;
    await sessions.validate('sess_1');
    expect(clerk.calls).toBe(2);
  });

  it('is never remembered beyond its own end', async () => {
    const { sessions, clock, clerk } = setUp();
    clock.nowMs = 90_000;
    await sessions.validate('sess_1');
    clock.nowMs = 100_000;
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'expired' });
    expect(clerk.calls).toBe(2);
  });

  it('that has ended, or is not there, is said to be so and asked about again', async () => {
    const { sessions, clerk } = setUp();
    clerk.session = { ...ACTIVE, status: 'ended' };
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'ended' });
    clerk.failure = 'CLERK_RESOURCE_NOT_FOUND';
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'unknown' });
    expect(clerk.calls).toBe(2);
  });

  it('that is revoked is inactive at once, whatever is remembered', async () => {
    const { sessions, clerk } = setUp();
    await sessions.validate('sess_1');
    await sessions.revoke('sess_1');
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'revoked' });
    expect(clerk.calls).toBe(1);
  });

  it('of a user who was banned is asked about anew', async () => {
    const { sessions, clerk, inDoubt } = setUp();
    await sessions.validate('sess_1');
    inDoubt.add('user_1');
    clerk.session = { ...ACTIVE, status: 'revoked' };
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'revoked' });
  });

  it.each(['revoked', null])('that was alive and is not is forgotten: %s', async (status) => {
    const { sessions, clerk, inDoubt } = setUp();
    await sessions.validate('sess_1');
    inDoubt.add('user_1');
    if (status === null) clerk.failure = 'CLERK_RESOURCE_NOT_FOUND';
    else clerk.session = { ...ACTIVE, status };
    const answer = await sessions.validate('sess_1');
    inDoubt.clear();
    expect(await sessions.validate('sess_1')).toEqual(answer);
    expect(clerk.calls).toBe(3);
  });

  it('that was alive stays remembered while Clerk cannot tell', async () => {
    const { sessions, clerk, inDoubt } = setUp();
    await sessions.validate('sess_1');
    inDoubt.add('user_1');
    clerk.failure = 'CLERK_UNAVAILABLE';
    await expect(sessions.validate('sess_1')).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
    inDoubt.clear();
    expect(await sessions.validate('sess_1')).toMatchObject({ outcome: 'active' });
    expect(clerk.calls).toBe(2);
  });

  // What was revoked meanwhile is known for as long, and no longer.
  it('is never served longer after it was asked about than revocations are remembered, whatever the option says', async () => {
    const { sessions, clerk, clock } = setUp(undefined, 30 * REVOCATION_KEPT_MS);
    clerk.session = { ...ACTIVE, expireAtMs: 60 * REVOCATION_KEPT_MS };
    // The answer takes a second, and is as old as the question.
    clerk.whileAsked = () => (clock.nowMs += 1_000);
    await sessions.validate('sess_1');
    clock.nowMs = REVOCATION_KEPT_MS - 1;
    await sessions.validate('sess_1');
    expect(clerk.calls).toBe(1);
    clock.nowMs = REVOCATION_KEPT_MS;
    await sessions.validate('sess_1');
    expect(clerk.calls).toBe(2);
  });

  it('that is no id of a session is refused before anybody is asked', async () => {
    const { sessions, clerk } = setUp(new BrokenSessionCache());
    await expect(sessions.validate('..')).rejects.toMatchObject({ code: 'CLERK_REQUEST_INVALID' });
    await expect(sessions.revoke('user_1')).rejects.toMatchObject({ code: 'CLERK_REQUEST_INVALID' });
    expect(clerk.calls).toBe(0);
  });

  it('is looked for by a thousand at once with one read of the shared cache and one request', async () => {
    const nowMs = () => 0;
    const far = new CountingSessionCache(nowMs);
    const { sessions, clerk } = setUp(
      new LayeredSessionCache({ near: new MemorySessionCache(nowMs), far, nowMs }),
    );
    const all = () => Promise.all(Array.from({ length: 1_000 }, () => sessions.validate('sess_1')));
    expect(new Set((await all()).map(({ outcome }) => outcome))).toEqual(new Set(['active']));
    expect({ reads: far.gets, requests: clerk.calls }).toEqual({ reads: 1, requests: 1 });
    await all();
    expect({ reads: far.gets, requests: clerk.calls }).toEqual({ reads: 1, requests: 1 });
  });

  it('that another process revoked, or whose user it banned, is not served from memory', async () => {
    const nowMs = () => 0;
    const { sessions, clerk, revoked, inDoubt } = setUp(
      new LayeredSessionCache({
        near: new MemorySessionCache(nowMs),
        far: new MemorySessionCache(nowMs),
        nowMs,
      }),
    );
    await sessions.validate('sess_1');
    inDoubt.add('user_1');
    clerk.session = { ...ACTIVE, status: 'removed' };
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'removed' });
    revoked.add('sess_1');
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'revoked' });
    expect(clerk.calls).toBe(2);
  });

  it('that is revoked while somebody waits for the answer is inactive, and not remembered', async () => {
    const { sessions, clerk, revoked } = setUp();
    const asking = sessions.validate('sess_1');
    revoked.add('sess_1');
    expect(await asking).toEqual({ outcome: 'inactive', status: 'revoked' });
    revoked.clear();
    await sessions.validate('sess_1');
    expect(clerk.calls).toBe(2);
  });

  it('that could not be asked about is asked about again by the next', async () => {
    const { sessions, clerk } = setUp();
    clerk.failure = 'CLERK_UNAVAILABLE';
    const failed = await Promise.allSettled([sessions.validate('sess_1'), sessions.validate('sess_1')]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(clerk.calls).toBe(1);
    clerk.failure = null;
    expect(await sessions.validate('sess_1')).toMatchObject({ outcome: 'active' });
  });

  it('that nobody can tell about is an outage', async () => {
    const { sessions, clerk } = setUp();
    clerk.failure = 'CLERK_UNAVAILABLE';
    await expect(sessions.validate('sess_1')).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
  });

  it('is answered by Clerk while the cache is down', async () => {
    const { sessions, clerk } = setUp(new BrokenSessionCache());
    expect(await sessions.validate('sess_1')).toMatchObject({ outcome: 'active' });
    expect(await sessions.validate('sess_1')).toMatchObject({ outcome: 'active' });
    expect(clerk.calls).toBe(2);
    await sessions.revoke('sess_1');
    expect(await sessions.validate('sess_1')).toEqual({ outcome: 'inactive', status: 'revoked' });
  });
});
