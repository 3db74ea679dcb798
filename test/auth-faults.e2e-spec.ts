import { generateKeyPairSync } from 'node:crypto';

import { Logger } from '@nestjs/common';
import {
  ClerkSandbox,
  createSigningKey,
  SEEDED_MACHINE_SECRETS,
  SEEDED_ORGANIZATION,
  SEEDED_USERS,
} from 'clerk-sandbox';
import type { ClerkModuleOptions } from 'nest-clerk';

import { type GuardedApp, startGuardedApp } from './support/guarded-app.js';
import type { TestAnswer } from './support/service.js';
import { TestClock } from './support/test-clock.js';

const { free } = SEEDED_USERS;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** After this, keys in hand are refreshed behind the requests that they serve. */
const FRESH_MS = 5 * MINUTE_MS;
/** An answer that does come may take a good part of a second, among fifty requests on a busy machine. */
const REQUEST_TIMEOUT_MS = 1_000;

type Fault = Parameters<ClerkSandbox['faults']['add']>[0];

interface FaultCase {
  readonly fault: Fault;
  readonly code?: string;
  readonly retryAfter?: string;
  /** HTTP requests that one question for the keys makes. */
  readonly attempts?: number;
  /** How long nobody asks again after the failure. */
  readonly pauseMs?: number;
}

function jwk(type: 'rsa' | 'ec', more: object = {}, modulusLength = 2_048) {
  const { publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...publicKey.export({ format: 'jwk' }), kid: 'ins_other', use: 'sig', ...more };
}

const json = (body: unknown): FaultCase => ({ fault: { kind: 'json', body } });

/** As Clerk says no. https://clerk.com/docs/guides/development/errors/overview (read 2026-11-21) */
const refusal = (status: number, errorCode: string): FaultCase => ({
  fault: { kind: 'json', status, body: { errors: [{ code: errorCode, message: 'No' }] } },
});
const KEY_REJECTED = { code: 'CLERK_SECRET_KEY_REJECTED' };

const FAULTS: readonly (readonly [string, FaultCase])[] = [
  ['down', { fault: { kind: 'down' } }],
  ['hung', { fault: { kind: 'hung' } }],
  ['answering 500', { fault: { kind: 'status', status: 500 } }],
  ['answering 503', { fault: { kind: 'status', status: 503 } }],
  ['behind a proxy that sends HTML with 200', { fault: { kind: 'html' } }],
  ['behind a proxy that sends HTML with 502', { fault: { kind: 'html', status: 502 } }],
  [
    'asking for a pause with 429',
    {
      fault: { kind: 'rate-limited', retryAfterSeconds: 7 },
      code: 'CLERK_RATE_LIMITED',
      retryAfter: '7',
      pauseMs: 7_000,
    },
  ],
  ['refusing the secret key', { fault: { kind: 'status', status: 401 }, code: 'CLERK_SECRET_KEY_REJECTED' }],
  ['out of plan', { ...refusal(402, 'subscription_required'), ...KEY_REJECTED }],
  ['not allowing it to this key', { ...refusal(403, 'not_allowed'), ...KEY_REJECTED }],
  ...[400, 404, 422].map(
    (status) => [`failing with ${status}`, { fault: { kind: 'status', status } }] as [string, FaultCase],
  ),
  ...[401, 403, 404].map(
    (status) =>
      [`behind a proxy that sends HTML with ${status}`, { fault: { kind: 'html', status } }] as [
        string,
        FaultCase,
      ],
  ),
  [
    'behind a gateway without a route',
    { fault: { kind: 'json', status: 404, body: { message: 'no route' } } },
  ],
  ['sending an empty JWKS', json({ keys: [] })],
  ['sending text where the keys should be', json({ keys: 'x' })],
  ['sending a list', json([])],
  ['sending an empty object', json({})],
  ['sending null', json(null)],
  ['sending keys that are not RSA', json({ keys: [jwk('ec', { alg: 'ES256' }), null, 5, 'key'] })],
  ['sending keys for encryption', json({ keys: [jwk('rsa', { use: 'enc' })] })],
  ['sending RSA keys that are too short', json({ keys: [jwk('rsa', {}, 1_024)] })],
];

let clock: TestClock;
let sandbox: ClerkSandbox;
let app: GuardedApp;

// It stands still: how long a pause or a key lasts is told in what it is moved by, and does not judge how busy the machine is.
beforeAll(() => {
  Logger.overrideLogger(false);
  clock = TestClock.install();
});

afterAll(() => clock.uninstall());

beforeEach(async () => {
  sandbox = await ClerkSandbox.start();
  await start();
});

afterEach(async () => {
  await app.stop();
  await sandbox.stop();
});

/** In place of the one that was there: with no key known. */
async function restart(options: Partial<ClerkModuleOptions>): Promise<void> {
  await app.stop();
  await start(options);
}

async function start(options: Partial<ClerkModuleOptions> = {}): Promise<void> {
  app = await startGuardedApp(sandbox, { requestTimeoutMs: REQUEST_TIMEOUT_MS, ...options });
}

const jwksCalls = () => sandbox.requestCounts.get('GET /v1/jwks') ?? 0;
const calls = () => [...sandbox.requestCounts.values()].reduce((sum, count) => sum + count, 0);
const newToken = () => sandbox.signIn(free.id).token;
const newTokens = (count: number) => Array.from({ length: count }, newToken);
const forgersKey = createSigningKey();
const forgedToken = (kid: string) => sandbox.signIn(free.id, { key: forgersKey, header: { kid } }).token;

function expectUnavailable(answer: TestAnswer, expected: Partial<FaultCase> = {}) {
  const { code = 'CLERK_UNAVAILABLE', retryAfter = '5' } = expected;
  expect(answer.body).toEqual({
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    code,
    detail: 'A service that this one depends on cannot answer now. Try again later.',
  });
  expect({
    status: answer.status,
    type: answer.headers.get('content-type')?.split(';')[0],
    retryAfter: answer.headers.get('retry-after'),
    challenge: answer.headers.get('www-authenticate'),
  }).toEqual({ status: 503, type: 'application/problem+json', retryAfter, challenge: null });
}

function expectRefused(answer: TestAnswer, code: string) {
  expect([answer.status, answer.body.code]).toEqual([401, code]);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  expect(answer.headers.get('retry-after')).toBeNull();
}

function expectLetThrough(answers: readonly TestAnswer[]) {
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
}

/** Waits for what goes on behind a request. By another clock: the test's own stands still. */
async function eventually(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('Not so after 5 s.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.each(FAULTS)('while Clerk is %s', (_name, faultCase) => {
  const { fault, attempts = 1, pauseMs = 1_000 } = faultCase;

  it('and no key is known: 503 for everybody after one question, none in the pause, and 200 once Clerk is back', async () => {
    sandbox.faults.add(fault);
    const tokens = newTokens(50);
    const startedAt = performance.now();
    for (const answer of await app.getAll(tokens)) expectUnavailable(answer, faultCase);
    // One after the other they would take fifty times the limit.
    expect(performance.now() - startedAt).toBeLessThan(REQUEST_TIMEOUT_MS * attempts + 10_000);
    expect(jwksCalls()).toBe(attempts);

    clock.advance(pauseMs - 1);
    for (const answer of await app.getAll(tokens)) expectUnavailable(answer, faultCase);
    expect(jwksCalls()).toBe(attempts);
    clock.advance(1);
    for (const answer of await app.getAll(tokens)) expectUnavailable(answer, faultCase);
    expect(jwksCalls()).toBe(2 * attempts);

    sandbox.faults.clear();
    clock.advance(pauseMs);
    expectLetThrough(await app.getAll(tokens));
    expect(jwksCalls()).toBe(2 * attempts + 1);
    expect(calls()).toBe(jwksCalls());
  });

  it('and keys are known: 200 with them, also when they are stale, for a day, and one question for each pause', async () => {
    expectLetThrough([await app.get(newToken())]);
    sandbox.faults.add(fault);
    clock.advance(FRESH_MS);
    expectLetThrough(await app.getAll(newTokens(20)));
    expect(jwksCalls()).toBe(1);

    clock.advance(1);
    expectLetThrough(await app.getAll(newTokens(20)));
    await eventually(() => jwksCalls() >= 1 + attempts);
    // A question about an unknown key waits for the one that is under way, or meets the pause after it.
    expectUnavailable(await app.get(forgedToken('forged_stale')), faultCase);
    expectLetThrough(await app.getAll(newTokens(20)));
    expect(jwksCalls()).toBe(1 + attempts);

    clock.advance(DAY_MS - FRESH_MS - 1);
    const [last, tooLate] = [newToken(), newToken()];
    expectLetThrough([await app.get(last)]);
    await eventually(() => jwksCalls() >= 1 + 2 * attempts);
    expectUnavailable(await app.get(forgedToken('forged_last')), faultCase);
    clock.advance(1);
    expectUnavailable(await app.get(tooLate), faultCase);
    expect(jwksCalls()).toBe(1 + 2 * attempts);

    sandbox.faults.clear();
    clock.advance(pauseMs);
    expectLetThrough(await app.getAll([tooLate, ...newTokens(20)]));
    expect(jwksCalls()).toBe(2 + 2 * attempts);
  });

  it('a key id that is not known is no 401: nobody can tell whether it is forged', async () => {
    expectLetThrough([await app.get(newToken())]);
    sandbox.faults.add(fault);
    const forged = Array.from({ length: 50 }, (_, index) => forgedToken(`forged_${index}`));
    for (const answer of await app.getAll(forged)) expectUnavailable(answer, faultCase);
    expect(jwksCalls()).toBe(1 + attempts);
    expectLetThrough([await app.get(newToken())]);
    sandbox.faults.clear();
    clock.advance(pauseMs);
    for (const answer of await app.getAll(forged)) expectRefused(answer, 'TOKEN_KEY_UNKNOWN');
    expect(jwksCalls()).toBe(2 + attempts);
  });
});

describe('when Clerk refuses the question for its keys', () => {
  it.each([
    [400, 'request_body_invalid'],
    [404, 'resource_not_found'],
    [422, 'form_param_missing'],
  ])('it is no mistake of the caller: 503, with %i too', async (status, errorCode) => {
    sandbox.faults.add(refusal(status, errorCode).fault);
    expectUnavailable(await app.get(newToken()));
  });
});

describe('while Clerk is slow', () => {
  it('a thousand first requests wait for one answer', async () => {
    await restart({ requestTimeoutMs: 20_000 });
    sandbox.faults.add({ kind: 'slow', delayMs: 2_000 });
    expectLetThrough(await app.getAll(newTokens(1_000)));
    expect(calls()).toBe(1);
  });

  it('and not in time: 503 at the time limit', async () => {
    sandbox.faults.add({ kind: 'slow', delayMs: 10_000 });
    const startedAt = performance.now();
    expectUnavailable(await app.get(newToken()));
    const elapsedMs = performance.now() - startedAt;
    expect(elapsedMs).toBeGreaterThanOrEqual(REQUEST_TIMEOUT_MS - 5);
    // The answer itself would come after 10 s.
    expect(elapsedMs).toBeLessThan(9_000);
  });
});

describe('with the key in the options', () => {
  it('no outage of Clerk touches a session token: 200 without a call, and a forged one is 401', async () => {
    await restart({ jwtKey: sandbox.jwtKey });
    sandbox.faults.add({ kind: 'down' });
    expectLetThrough(await app.getAll(newTokens(50)));
    expectRefused(await app.get(forgedToken('forged')), 'TOKEN_SIGNATURE_INVALID');
    expect(calls()).toBe(0);
  });
});

describe('when Clerk changes its keys', () => {
  it('and lists the old one still: tokens of either are let through, after one question more', async () => {
    const old = newTokens(2);
    expectLetThrough([await app.get(old[0])]);
    sandbox.rotateKeys({ keepPrevious: true });
    expectLetThrough(await app.getAll(newTokens(50)));
    expect(jwksCalls()).toBe(2);
    expectLetThrough(await app.getAll(old));
    expect(jwksCalls()).toBe(2);
  });

  // The policy: a withdrawn key is in force until the keys are asked for again (a token of the new key, or five minutes), and
  // what was verified with it before is forgotten with it.
  it('and withdraws the old one: its tokens are 401 from the next question on, without a call for each', async () => {
    const [remembered = '', before = '', ...after] = newTokens(52);
    expectLetThrough([await app.get(remembered)]);
    sandbox.rotateKeys({ keepPrevious: false });
    expectLetThrough([await app.get(before)]);
    expect(jwksCalls()).toBe(1);

    expectLetThrough(await app.getAll(newTokens(50)));
    expect(jwksCalls()).toBe(2);
    for (const answer of await app.getAll(after)) expectRefused(answer, 'TOKEN_KEY_UNKNOWN');
    expect(jwksCalls()).toBe(2);
    expectRefused(await app.get(remembered), 'TOKEN_KEY_UNKNOWN');
    expect(jwksCalls()).toBe(2);
  });

  it('and nobody has a new token yet: the old key goes with the refresh after five minutes', async () => {
    expectLetThrough([await app.get(newToken())]);
    const old = sandbox.signIn(free.id, { expiresInSeconds: 600 }).sessionId;
    const oldTokens = [1, 2].map((claim) =>
      sandbox.signSessionToken(old, { expiresInSeconds: 600, claims: { claim } }),
    );
    sandbox.rotateKeys({ keepPrevious: false });
    clock.advance(FRESH_MS + 1);
    expectLetThrough([await app.get(oldTokens[0])]);
    await eventually(() => jwksCalls() === 2);
    expectLetThrough([await app.get(newToken())]);
    expect(jwksCalls()).toBe(2);
    // The first that names it asks: Clerk may have brought it back.
    expectRefused(await app.get(oldTokens[1]), 'TOKEN_KEY_UNKNOWN');
    expectRefused(await app.get(oldTokens[1]), 'TOKEN_KEY_UNKNOWN');
    expect(jwksCalls()).toBe(3);
  });

  it('while it is down: tokens of the new key are 503 and those of the old one 200, and all is well afterwards', async () => {
    const old = newTokens(2);
    expectLetThrough([await app.get(old[0])]);
    sandbox.rotateKeys({ keepPrevious: true });
    sandbox.faults.add({ kind: 'down' });
    const [rotated] = newTokens(1);
    expectUnavailable(await app.get(rotated));
    expectLetThrough([await app.get(old[1])]);
    sandbox.faults.clear();
    clock.advance(1_000);
    expectLetThrough([await app.get(rotated)]);
  });

  it('right after forged key ids: the question that they caused is not asked again before the cooldown is over', async () => {
    await restart({ unknownKeyCooldownSeconds: 30 });
    expectLetThrough([await app.get(newToken())]);
    const forged = Array.from({ length: 100 }, (_, index) => forgedToken(`forged_${index}`));
    for (const answer of await app.getAll(forged)) expectRefused(answer, 'TOKEN_KEY_UNKNOWN');
    expect(jwksCalls()).toBe(2);
    sandbox.rotateKeys({ keepPrevious: true });
    const rotated = newTokens(50);
    clock.advance(29_999);
    expectRefused(await app.get(rotated[0]), 'TOKEN_KEY_UNKNOWN');
    expect(jwksCalls()).toBe(2);
    clock.advance(1);
    expectLetThrough(await app.getAll(rotated));
    expect(jwksCalls()).toBe(3);
  });
});

describe('what cannot be answered without Clerk', () => {
  const { machineToken } = SEEDED_MACHINE_SECRETS;

  it.each(FAULTS)('is 503 while Clerk is %s: machine tokens and sessions', async (_name, faultCase) => {
    sandbox.faults.add(faultCase.fault);
    const startedAt = performance.now();
    expectUnavailable(await app.get(machineToken, 'machine'), faultCase);
    expect(calls()).toBe(1);
    expectUnavailable(await app.get(undefined, `sessions/${sandbox.signIn(free.id).sessionId}`), faultCase);
    expect(performance.now() - startedAt).toBeLessThan(2 * (REQUEST_TIMEOUT_MS * 3 + 1_000));
    sandbox.faults.clear();
  });

  const MACHINE = {
    object: 'machine_to_machine_token',
    id: 'mt_1',
    subject: 'mch_1',
    scopes: [],
    claims: null,
    revoked: false,
    expired: false,
  };

  it.each([
    { id: undefined },
    { subject: undefined },
    { subject: '' },
    { scopes: null },
    { scopes: 'abc' },
    { scopes: [null] },
    { revoked: undefined },
    { expired: 0 },
  ])('is 503 while Clerk sends what is no machine token: %o', async (more) => {
    sandbox.faults.add({ kind: 'json', body: { ...MACHINE, ...more } });
    expectUnavailable(await app.get(machineToken, 'machine'));
    expect(calls()).toBe(1);
    sandbox.faults.clear();
    expectLetThrough([await app.get(machineToken, 'machine')]);
  });

  it('is 401 for a machine token that Clerk says is revoked, in either way, and not asked again for ten seconds', async () => {
    for (const [index, fault] of [
      refusal(404, 'resource_not_found').fault,
      refusal(400, 'token_revoked').fault,
      { kind: 'json', body: { ...MACHINE, revoked: true } } as const,
    ].entries()) {
      const token = `mt_refused_0123456789_${index}`;
      sandbox.faults.add(fault);
      expectRefused(await app.get(token, 'machine'), 'MACHINE_TOKEN_INVALID');
      clock.advance(9_999);
      expectRefused(await app.get(token, 'machine'), 'MACHINE_TOKEN_INVALID');
      expect(calls()).toBe(2 * index + 1);
      clock.advance(1);
      expectRefused(await app.get(token, 'machine'), 'MACHINE_TOKEN_INVALID');
      expect(calls()).toBe(2 * index + 2);
      sandbox.faults.clear();
    }
  });

  it.each([
    { id: 'sess_another' },
    { user_id: undefined },
    { user_id: 7 },
    { status: null },
    { expire_at: undefined },
    { expire_at: '2100-01-01' },
    { object: 'user' },
  ])('is 503 while Clerk sends what is not the session asked for: %o', async (more) => {
    const { sessionId } = sandbox.signIn(free.id);
    const expireAtMs = Date.now() + DAY_MS;
    const session = {
      object: 'session',
      id: sessionId,
      user_id: free.id,
      status: 'active',
      expire_at: expireAtMs,
    };
    sandbox.faults.add({ kind: 'json', body: { ...session, ...more } });
    expectUnavailable(await app.get(undefined, `sessions/${sessionId}`));
    sandbox.faults.clear();
    expectLetThrough([await app.get(undefined, `sessions/${sessionId}`)]);
  });

  it('is 200 with "unknown" for a session that Clerk says is not there', async () => {
    const { status, body } = await app.get(undefined, 'sessions/sess_none');
    expect([status, body]).toEqual([200, { outcome: 'unknown' }]);
  });

  it.each(['..%2F', 'a%2Fb', 'count', 'sess_x%3Fx=1', free.id, SEEDED_ORGANIZATION.id])(
    'is 422 for what is no id of a session, without a question: nobody makes an outage of it: %s',
    async (id) => {
      for (let times = 0; times < 10; times += 1) {
        const { status, body } = await app.get(undefined, `sessions/${id}`);
        expect([status, body.code]).toEqual([422, 'CLERK_REQUEST_INVALID']);
      }
      expect(calls()).toBe(0);
      expectLetThrough([await app.get(undefined, `sessions/${sandbox.signIn(free.id).sessionId}`)]);
    },
  );

  it.each(FAULTS)('stays answered for a minute where it was before: %s', async (_name, { fault }) => {
    const path = `sessions/${sandbox.signIn(free.id).sessionId}`;
    expectLetThrough([await app.get(machineToken, 'machine'), await app.get(undefined, path)]);
    const before = calls();
    sandbox.faults.add(fault);
    clock.advance(MINUTE_MS - 1);
    expectLetThrough([await app.get(machineToken, 'machine'), await app.get(undefined, path)]);
    expect(calls()).toBe(before);
  });
});
