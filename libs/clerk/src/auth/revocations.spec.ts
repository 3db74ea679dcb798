import { ClerkError } from '../clerk-error.js';
import { Revocations } from './revocations.js';

describe('a revocation', () => {
  const session = {
    auth: {
      tokenType: 'session_token' as const,
      instance: 'default',
      userId: 'user_1',
      sessionId: 'sess_1',
      organization: null,
      actorId: null,
      expiresAtMs: 10_000,
      claims: {},
    },
    issuedAtSeconds: 0,
    notBeforeMs: 0,
  };

  it.each([
    { kind: 'session', sessionId: 'sess_1' },
    { kind: 'user', userId: 'user_1', atMs: 0, isDeleted: false },
    { kind: 'user', userId: 'user_1', atMs: 0, isDeleted: true },
  ] as const)('is in force until it is over, and no longer: %j', (revocation) => {
    let nowMs = 1_000;
    const revocations = new Revocations(() => nowMs);
    revocations.add({ revocation, untilMs: 2_000 });
    nowMs = 1_999;
    expect(() => revocations.check(session)).toThrow(ClerkError);
    nowMs = 2_000;
    expect(() => revocations.check(session)).not.toThrow();
  });

  it('is told to those who listen, once', () => {
    const revocations = new Revocations(() => 0);
    const told: unknown[] = [];
    revocations.onAdded((revocation) => told.push(revocation));
    const [one, other] = [
      { kind: 'session', sessionId: 'sess_1' },
      { kind: 'user', userId: 'user_1', atMs: 5, isDeleted: false },
    ] as const;
    for (const revocation of [one, one, other, other]) revocations.add({ revocation, untilMs: 9 });
    expect(told).toEqual([one, other]);
  });
});

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
