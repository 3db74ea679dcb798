import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';
import { MachineTokenVerifier, machineTokenType, type VerifiedMachine } from './machine-token-verifier.js';

const AUTH: VerifiedMachine = {
  tokenType: 'm2m_token',
  id: 'mt_1',
  subject: 'mch_1',
  scopes: [],
  claims: {},
};

function setUp() {
  const clock = { nowMs: 0 };
  const clerk = { calls: 0, failure: null as ClerkErrorCode | null };
  const refusedSubjects = new Map<string, ClerkErrorCode>();
  const verifier = new MachineTokenVerifier({
    instance: 'default',
    verify: async () => {
      clerk.calls += 1;
      await Promise.resolve();
      if (clerk.failure !== null) throw new ClerkError(clerk.failure, 'refused');
      return AUTH;
    },
    checkSubject: (subject) => {
      const code = refusedSubjects.get(subject);
      if (code !== undefined) throw new ClerkError(code, 'refused');
    },
    nowMs: () => clock.nowMs,
  });
  const verify = (token = 'mt_0123456789abcdef') =>
    Promise.resolve()
      .then(() => verifier.verify('m2m_token', token))
      .then(
        ({ subject }) => subject,
        (error: unknown) => (error instanceof ClerkError ? error.code : 'other'),
      );
  return { verify, clerk, clock, refusedSubjects };
}

describe('a machine token', () => {
  it('is known by its prefix', () => {
    expect(['ak_1', 'mt_1', 'oat_1', 'ey.J.x', 'akk_'].map(machineTokenType)).toEqual([
      'api_key',
      'm2m_token',
      'oauth_token',
      null,
      null,
    ]);
  });

  it('is verified by one call a minute, however many requests bring it', async () => {
    const { verify, clerk, clock } = setUp();
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => verify())))).toEqual(
      new Set(['mch_1']),
    );
    clock.nowMs = 59_999;
    await verify();
    expect(clerk.calls).toBe(1);
    clock.nowMs = 60_000;
    await verify();
    expect(clerk.calls).toBe(2);
  });

  it.each(['CLERK_RESOURCE_NOT_FOUND', 'CLERK_REQUEST_INVALID', 'MACHINE_TOKEN_INVALID'] as const)(
    'that Clerk refuses is refused for ten seconds by one call, and then asked about again: %s',
    async (code) => {
      const { verify, clerk, clock } = setUp();
      clerk.failure = code;
      expect(await verify()).toBe('MACHINE_TOKEN_INVALID');
      clerk.failure = null;
      clock.nowMs = 9_999;
      expect(await verify()).toBe('MACHINE_TOKEN_INVALID');
      expect(await verify('mt_another_0123456789')).toBe('mch_1');
      expect(clerk.calls).toBe(2);
      clock.nowMs = 10_000;
      expect(await verify()).toBe('mch_1');
      expect(clerk.calls).toBe(3);
    },
  );

  it.each(['CLERK_UNAVAILABLE', 'CLERK_RATE_LIMITED', 'CLERK_SECRET_KEY_REJECTED'] as const)(
    'that Clerk cannot tell about is no 401, and asked about by the next: %s',
    async (code) => {
      const { verify, clerk } = setUp();
      clerk.failure = code;
      expect(await verify()).toBe(code);
      clerk.failure = null;
      expect(await verify()).toBe('mch_1');
      expect(clerk.calls).toBe(2);
    },
  );

  it('that was refused is refused at once while this second has no question left', async () => {
    const { verify, clerk, clock } = setUp();
    clerk.failure = 'CLERK_RESOURCE_NOT_FOUND';
    await verify();
    clock.nowMs = 1_000;
    await Promise.all(Array.from({ length: 51 }, (_, index) => verify(`mt_invented_${index}_abcdef`)));
    expect(await verify()).toBe('MACHINE_TOKEN_INVALID');
    expect(clerk.calls).toBe(51);
  });

  it.each(['USER_DELETED', 'SESSION_REVOKED', 'MACHINE_TOKEN_INVALID'] as const)(
    'of somebody who may not come in is refused, new or known, without a call for each, and only as long: %s',
    async (code) => {
      const { verify, clerk, refusedSubjects } = setUp();
      refusedSubjects.set('mch_1', code);
      expect(await Promise.all([verify(), verify()])).toEqual([code, code]);
      expect(await verify()).toBe(code);
      refusedSubjects.clear();
      expect(await verify()).toBe('mch_1');
      refusedSubjects.set('mch_1', code);
      expect(await verify()).toBe(code);
      expect(clerk.calls).toBe(1);
    },
  );

  it('that is absurdly long or short, or no token at all, is refused without a call', async () => {
    const { verify, clerk } = setUp();
    for (const token of [`mt_${'x'.repeat(1_025)}`, 'mt_x', 'mt_0123456789abcdef/../x']) {
      expect(await verify(token)).toBe('MACHINE_TOKEN_INVALID');
    }
    expect(clerk.calls).toBe(0);
  });

  it('that is invented uses up no more than fifty questions a second, however many come', async () => {
    const { verify, clerk, clock } = setUp();
    clerk.failure = 'CLERK_RESOURCE_NOT_FOUND';
    const flood = () =>
      Promise.all(Array.from({ length: 500 }, (_, index) => verify(`mt_invented_${index}_abcdef`)));
    const codes = await flood();
    expect(codes.filter((code) => code === 'MACHINE_TOKEN_INVALID')).toHaveLength(50);
    expect(codes.filter((code) => code === 'CLERK_RATE_LIMITED')).toHaveLength(450);
    clock.nowMs += 1_000;
    await flood();
    expect(clerk.calls).toBe(100);
  });
});
