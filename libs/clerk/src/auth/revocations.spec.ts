import { Revocations } from './revocations.js';

describe('the revocations in force', () => {
  it('are listed as they were added, the latest of each user, and none that is over', () => {
    let nowMs = 1_000;
    const revocations = new Revocations(() => nowMs);
    const session = (sessionId: string, untilMs: number) =>
      ({ revocation: { kind: 'session', sessionId }, untilMs }) as const;
    const user = (userId: string, atMs: number, isDeleted: boolean) =>
      ({ revocation: { kind: 'user', userId, atMs, isDeleted }, untilMs: 3_000 }) as const;
    expect([...revocations.inForce()]).toEqual([]);
    for (const record of [
      session('sess_short', 2_000),
      session('sess_long', 3_000),
      user('user_banned', 10, false),
      user('user_banned', 20, false),
      user('user_banned', 15, false),
      user('user_deleted', 10, true),
      user('user_deleted', 20, false),
    ])
      revocations.add(record);
    nowMs = 1_999;
    const users = [user('user_banned', 20, false), user('user_deleted', 10, true)];
    expect([...revocations.inForce()]).toEqual([
      session('sess_short', 2_000),
      session('sess_long', 3_000),
      ...users,
    ]);
    nowMs = 2_000;
    expect([...revocations.inForce()]).toEqual([session('sess_long', 3_000), ...users]);
    nowMs = 3_000;
    expect([...revocations.inForce()]).toEqual([]);
  });
});
