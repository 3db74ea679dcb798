import { generateKeyPairSync } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import { JwksTokenKeys } from './jwks-token-keys.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function jwk(kid: string, more: object = {}) {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256', ...more };
}

const KEY_A = jwk('a');
const KEY_B = jwk('b');

function setUp() {
  const clock = { nowMs: 1_800_000_000_000 };
  const clerk = { answer: { keys: [KEY_A] } as unknown, calls: 0 };
  const keys = new JwksTokenKeys({
    fetchJwks: async () => {
      clerk.calls += 1;
      await Promise.resolve();
      if (clerk.answer instanceof Error) throw clerk.answer;
      return clerk.answer;
    },
    staleMsMax: 24 * HOUR_MS,
    unknownKeyCooldownMs: 30_000,
    nowMs: () => clock.nowMs,
  });
  return { keys, clerk, clock };
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'found',
    (error: unknown) => (error instanceof ClerkError ? error.code : 'other'),
  );

describe('the keys that Clerk publishes', () => {
  it('are asked for once, however many need them first, and found without I/O afterwards', async () => {
    const { keys, clerk } = setUp();
    expect(keys.find('a')).toBeNull();
    await Promise.all(Array.from({ length: 100 }, () => keys.load('a')));
    expect(clerk.calls).toBe(1);
    expect(keys.find('a')?.asymmetricKeyType).toBe('rsa');
  });

  it('are asked for again for an unknown id, once per cooldown, however many ids are forged', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    for (let forged = 0; forged < 100; forged += 1) {
      expect(await codeOf(keys.load(`forged${forged}`))).toBe('TOKEN_KEY_UNKNOWN');
    }
    expect(clerk.calls).toBe(2);
    clerk.answer = { keys: [KEY_A, KEY_B] };
    clock.nowMs += 29_999;
    expect(await codeOf(keys.load('b'))).toBe('TOKEN_KEY_UNKNOWN');
    clock.nowMs += 1;
    expect(await codeOf(keys.load('b'))).toBe('found');
    expect(clerk.calls).toBe(3);
  });

  it('stay in force while Clerk is down, and not for longer than the limit', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    clerk.answer = new ClerkError('CLERK_UNAVAILABLE', 'down');
    clock.nowMs += 24 * HOUR_MS;
    expect(keys.find('a')).not.toBeNull();
    clock.nowMs += 1;
    expect(keys.find('a')).toBeNull();
    clock.nowMs += 1_000;
    expect(await codeOf(keys.load('a'))).toBe('CLERK_UNAVAILABLE');
  });

  it('are refreshed behind the requests after five minutes, so that a withdrawn key goes', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    clerk.answer = { keys: [KEY_B] };
    clock.nowMs += 5 * MINUTE_MS;
    expect(keys.find('a')).not.toBeNull();
    expect(clerk.calls).toBe(1);
    clock.nowMs += 1;
    expect(keys.find('a')).not.toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clerk.calls).toBe(2);
    expect(keys.find('a')).toBeNull();
    expect(keys.find('b')).not.toBeNull();
  });

  it('that nobody can tell about are no 401: an unknown id while Clerk is down', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    clerk.answer = new Error('refused');
    expect(await codeOf(keys.load('b'))).toBe('CLERK_UNAVAILABLE');
    expect(await codeOf(keys.load('b'))).toBe('CLERK_UNAVAILABLE');
    expect(clerk.calls).toBe(2);
    clerk.answer = { keys: [KEY_A, KEY_B] };
    clock.nowMs += 1_000;
    expect(await codeOf(keys.load('b'))).toBe('found');
  });

  it.each([
    ['as long as it asks', 7, 7_000],
    ['a second at least', 0, 1_000],
    ['a minute at most', 3_600, 60_000],
  ])(
    'are not asked for again by a Clerk that asked for a pause: %s',
    async (_name, retryAfterSeconds, pauseMs) => {
      const { keys, clerk, clock } = setUp();
      clerk.answer = new ClerkError('CLERK_RATE_LIMITED', 'pause', { retryAfterSeconds });
      expect(await codeOf(keys.load('a'))).toBe('CLERK_RATE_LIMITED');
      clerk.answer = { keys: [KEY_A] };
      clock.nowMs += pauseMs - 1;
      await expect(keys.load('a')).rejects.toMatchObject({ code: 'CLERK_RATE_LIMITED', retryAfterSeconds });
      expect(clerk.calls).toBe(1);
      clock.nowMs += 1;
      expect(await codeOf(keys.load('a'))).toBe('found');
      expect(clerk.calls).toBe(2);
    },
  );

  it('are served on, without a request, while Clerk asks for a pause', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    clerk.answer = new ClerkError('CLERK_RATE_LIMITED', 'pause', { retryAfterSeconds: 30 });
    clock.nowMs += 5 * MINUTE_MS + 1;
    for (let second = 0; second < 30; second += 1) {
      expect(keys.find('a')).not.toBeNull();
      await new Promise((resolve) => setImmediate(resolve));
      clock.nowMs += 1_000;
    }
    expect(clerk.calls).toBe(2);
    expect(keys.find('a')).not.toBeNull();
    expect(clerk.calls).toBe(3);
  });

  it.each<[string, unknown]>([
    ['text', '<html>'],
    ['null', null],
    ['no list', { keys: {} }],
    ['an empty list', { keys: [] }],
    ['keys of another kind', { keys: [{ kty: 'EC', kid: 'a' }, null, 5, jwk('a', { use: 'enc' })] }],
    ['a key of 1024 bits', { keys: [short()] }],
    ['a key that says it is another kind', { keys: [jwk('a', { kty: 'EC' })] }],
    ['a key for another algorithm', { keys: [jwk('a', { alg: 'RS512' }), jwk('a', { alg: 'PS256' })] }],
  ])(
    'that cannot be used are an outage, and leave the last good ones in force: %s',
    async (_name, answer) => {
      const { keys, clerk, clock } = setUp();
      clerk.answer = answer;
      expect(await codeOf(keys.load('a'))).toBe('CLERK_UNAVAILABLE');
      clerk.answer = { keys: [KEY_A] };
      clock.nowMs += 1_000;
      await keys.load('a');
      clerk.answer = answer;
      expect(await codeOf(keys.load('b'))).toBe('CLERK_UNAVAILABLE');
      expect(keys.find('a')).not.toBeNull();
    },
  );

  it('are counted when they are withdrawn, and only then', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    const steps = [
      [[KEY_A, KEY_B], 0],
      [[KEY_B], 1],
      [[KEY_B], 1],
      [[KEY_A], 2],
    ] as const;
    for (const [answer, withdrawals] of steps) {
      clerk.answer = { keys: answer };
      clock.nowMs += 31_000;
      await codeOf(keys.load('unknown'));
      expect(keys.withdrawals).toBe(withdrawals);
    }
  });

  it('are fetched anew for tokens that need no key, once they are old', async () => {
    const { keys, clerk, clock } = setUp();
    await keys.load('a');
    keys.keepFresh((clock.nowMs += 5 * MINUTE_MS));
    expect(clerk.calls).toBe(1);
    keys.keepFresh((clock.nowMs += 1));
    expect(clerk.calls).toBe(2);
  });

  it('are named: a token that names none is refused without a call', async () => {
    const { keys, clerk } = setUp();
    expect(await codeOf(keys.load(null))).toBe('TOKEN_KEY_UNKNOWN');
    expect(clerk.calls).toBe(0);
  });
});

function short() {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  return { ...publicKey.export({ format: 'jwk' }), kid: 'a' };
}
