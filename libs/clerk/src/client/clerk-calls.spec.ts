import { randomUUID } from 'node:crypto';

import { Logger } from '@nestjs/common';
import { ClerkSandbox, SEEDED_MACHINE_SECRETS, SEEDED_USERS } from 'clerk-sandbox';

import { ClerkError } from '../clerk-error.js';
import { ClerkBackend } from './clerk-backend.js';

const { free, pro } = SEEDED_USERS;
const { jest } = import.meta;
const GET_FREE = `GET /v1/users/${free.id}`;
const CREATE = 'POST /v1/users';
/** As Clerk says no. */
const refusal = (status: number) =>
  ({ kind: 'json', status, body: { errors: [{ code: 'refused', message: 'No' }] } }) as const;
const VERIFY = 'POST /m2m_tokens/verify';
const TIMEOUT_MS = 5_000;

let sandbox: ClerkSandbox;
let backend: ClerkBackend;
/** Pauses before retries, milliseconds: nobody sleeps, the clock is put forward. */
let pauses: number[];
let beforeRetry: () => void;
let log: string[];

beforeAll(async () => {
  sandbox = await ClerkSandbox.start();
});

afterAll(() => sandbox.stop());

/** Only the clock stands still: what is on the network takes its own time. */
beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: [
      'clearImmediate',
      'clearInterval',
      'clearTimeout',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'setInterval',
      'setTimeout',
    ],
  });
  pauses = [];
  log = [];
  beforeRetry = () => {};
  backend = create();
  const write = (message: string) => log.push(message);
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(write);
  jest.spyOn(Logger.prototype, 'log').mockImplementation(write);
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  sandbox.faults.clear();
  sandbox.requestCounts.clear();
});

function create(requestTimeoutMs = TIMEOUT_MS, clerk = sandbox): ClerkBackend {
  const { secretKey, url: apiUrl } = clerk;
  const sleep = (ms: number) => {
    pauses.push(ms);
    pass(ms);
    beforeRetry();
    return Promise.resolve();
  };
  return new ClerkBackend({ secretKey, apiUrl, publishableKey: null, jwtKey: null, requestTimeoutMs, sleep });
}

function pass(ms: number): void {
  jest.setSystemTime(Date.now() + ms);
}

const newUser = () => sandbox.users.create({ username: `user_${randomUUID()}` }).id;
const requests = (key: string) => sandbox.requestCounts.get(key) ?? 0;
const total = () => [...sandbox.requestCounts.values()].reduce((sum, count) => sum + count, 0);

async function failure(call: Promise<unknown>): Promise<ClerkError> {
  const error = await call.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  if (error instanceof ClerkError) return error;
  throw error;
}

const codesOf = (calls: Promise<unknown>[]) =>
  Promise.all(
    calls.map((call) =>
      call.then(
        () => 'answered',
        (error: ClerkError) => error.code,
      ),
    ),
  );

const repeat = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));

/** Opens the host's breaker: five failures in a row. */
async function open(): Promise<void> {
  sandbox.faults.add({ kind: 'status', status: 500 });
  await codesOf(repeat(5, () => backend.revokeSession('sess_none')));
  sandbox.faults.clear();
  sandbox.requestCounts.clear();
}

describe('a call that failed', () => {
  it.each([
    ['a failure of Clerk', { kind: 'status', status: 500 }],
    ['a proxy with 503', { kind: 'html', status: 503 }],
    ['a cut connection', { kind: 'down' }],
    ['a proxy that knows no such page', { kind: 'html', status: 404 }],
  ] as const)('is made again: %s', async (_name, fault) => {
    sandbox.faults.add({ ...fault, times: 2 });
    expect((await backend.getUser(free.id)).id).toBe(free.id);
    expect(requests(GET_FREE)).toBe(3);
    expect(pauses).toHaveLength(2);
  });

  it('is made three times at most, and within two seconds', async () => {
    sandbox.faults.add({ kind: 'status', status: 500 });
    expect((await failure(backend.getUser(free.id))).code).toBe('CLERK_UNAVAILABLE');
    expect(requests(GET_FREE)).toBe(3);
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeLessThan(2_000);
  });

  it.each([
    ['listUsers', () => backend.listUsers({ limit: 5 }), 4],
    ['listMemberships', () => backend.listMemberships(free.id), 2],
    ['getSession', () => backend.getSession(sandbox.signIn(free.id).sessionId), 2],
    ['updateUserMetadata', () => backend.updateUserMetadata(free.id, { publicMetadata: { a: 1 } }), 2],
    ['deleteUser', () => backend.deleteUser(newUser()), 2],
  ])('is made again where that does nothing more: %s', async (_name, call, made) => {
    sandbox.faults.add({ kind: 'status', status: 500, times: made / 2 });
    await call();
    expect(total()).toBe(made);
  });

  it.each([
    ['createUser', () => backend.createUser({ emailAddress: ['once@example.com'] }), CREATE],
    ['createSession', () => backend.createSession(free.id), 'POST /v1/sessions'],
    ['updateUser', () => backend.updateUser(free.id, { firstName: 'A' }), `PATCH /v1/users/${free.id}`],
    ['revokeSession', () => backend.revokeSession('sess_1'), 'POST /v1/sessions/sess_1/revoke'],
    [
      'verifyMachineToken',
      () => backend.verifyMachineToken('m2m_token', SEEDED_MACHINE_SECRETS.machineToken),
      VERIFY,
    ],
  ])('is never made again where that might do it twice: %s', async (_name, call, key) => {
    sandbox.faults.add({ kind: 'status', status: 500 });
    expect((await failure(call())).code).toBe('CLERK_UNAVAILABLE');
    sandbox.faults.clear();
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 1 });
    expect((await failure(call())).code).toBe('CLERK_RATE_LIMITED');
    expect([requests(key), total(), pauses]).toEqual([2, 2, []]);
  });

  it.each([400, 401, 402, 403, 404, 422])('is not made again when Clerk has answered: %i', async (status) => {
    sandbox.faults.add(refusal(status));
    await failure(backend.getUser(free.id));
    expect(requests(GET_FREE)).toBe(1);
  });

  it('is not made again when Clerk took all the time there is: nobody waits twice as long for a silent Clerk', async () => {
    backend = create(200);
    sandbox.faults.add({ kind: 'hung' });
    const call = failure(backend.getUser(free.id));
    pass(200);
    expect((await call).code).toBe('CLERK_UNAVAILABLE');
    expect([requests(GET_FREE), pauses]).toEqual([1, []]);
  });

  it('has deleted the user if it finds him gone the second time, and not if the first', async () => {
    sandbox.faults.add({ kind: 'status', status: 500, times: 1 });
    const userId = newUser();
    beforeRetry = () => sandbox.users.delete(userId);
    await backend.deleteUser(userId);
    expect((await failure(backend.deleteUser(userId))).code).toBe('CLERK_RESOURCE_NOT_FOUND');
  });
});

describe('a pause that Clerk asks for', () => {
  it('is kept', async () => {
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 3, times: 1 });
    expect((await backend.getUser(free.id)).id).toBe(free.id);
    expect(pauses).toHaveLength(1);
    expect(pauses[0]).toBeGreaterThanOrEqual(3_000);
    expect(pauses[0]).toBeLessThanOrEqual(3_200);
  });

  it('that is longer than a caller waits is passed on at once', async () => {
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 6 });
    expect(await failure(backend.getUser(free.id))).toMatchObject({
      code: 'CLERK_RATE_LIMITED',
      retryAfterSeconds: 6,
    });
    expect([requests(GET_FREE), pauses]).toEqual([1, []]);
  });

  it('that is longer than what is left is passed on: two of three seconds are more than five', async () => {
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 3 });
    expect((await failure(backend.getUser(free.id))).retryAfterSeconds).toBe(3);
    expect([requests(GET_FREE), pauses.length]).toEqual([2, 1]);
  });

  it('is sat out by those who read all users, up to a minute', async () => {
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 50, times: 1 });
    const found: string[] = [];
    for await (const { id } of backend.allUsers()) found.push(id);
    expect(found).toContain(free.id);
    expect(pauses).toHaveLength(1);
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 61 });
    expect((await failure(backend.allUsers().next())).retryAfterSeconds).toBe(61);
  });
});

describe('after five failures in a row', () => {
  it('nothing is asked for ten seconds, and callers are told how long that is', async () => {
    await open();
    pass(2_500);
    expect(await failure(backend.getUser(free.id))).toMatchObject({
      code: 'CLERK_UNAVAILABLE',
      retryAfterSeconds: 8,
    });
    pass(7_499);
    expect(await codesOf(repeat(200, () => backend.revokeSession('sess_1')))).toEqual(
      repeat(200, () => 'CLERK_UNAVAILABLE'),
    );
    expect([total(), pauses]).toEqual([0, []]);
    // And none of them has used up the budget.
    pass(1);
    await backend.getUser(free.id);
    expect(new Set(await codesOf(repeat(99, () => backend.getUser(free.id))))).toEqual(new Set(['answered']));
  });

  it('one request tries, the others are told so at once, and all go through when it is answered', async () => {
    await open();
    pass(10_000);
    sandbox.faults.add({ kind: 'slow', delayMs: 50, times: 1 });
    const trial = backend.getUser(free.id);
    expect(await failure(backend.getUser(pro.id))).toMatchObject({
      code: 'CLERK_UNAVAILABLE',
      retryAfterSeconds: 1,
    });
    expect((await trial).id).toBe(free.id);
    expect((await backend.getUser(pro.id)).id).toBe(pro.id);
    expect(total()).toBe(2);
  });

  it('a trial that fails means ten seconds more', async () => {
    await open();
    pass(10_000);
    sandbox.faults.add({ kind: 'down' });
    await failure(backend.revokeSession('sess_none'));
    expect(total()).toBe(1);
    pass(9_999);
    expect((await failure(backend.getUser(free.id))).retryAfterSeconds).toBe(1);
    expect(total()).toBe(1);
  });

  it('the log says so once, and once that Clerk is back', async () => {
    await open();
    pass(10_000);
    sandbox.faults.add({ kind: 'down' });
    await failure(backend.getUser(free.id));
    expect(log).toHaveLength(1);
    sandbox.faults.clear();
    pass(10_000);
    await backend.getUser(free.id);
    expect(log).toHaveLength(2);
    expect(log.join()).not.toContain(sandbox.secretKey);
  });

  it.each([400, 401, 402, 403, 404, 422, 429])(
    'nothing changes where the failures are answers: %i',
    async (status) => {
      sandbox.faults.add(status === 429 ? { kind: 'rate-limited', retryAfterSeconds: 60 } : refusal(status));
      await codesOf(repeat(20, () => backend.revokeSession('sess_1')));
      sandbox.faults.clear();
      expect((await backend.getUser(free.id)).id).toBe(free.id);
      expect(log).toEqual([]);
    },
  );

  it('nothing changes where Clerk answers with what was not asked for', async () => {
    sandbox.faults.add({ kind: 'json', body: {} });
    expect(await codesOf(repeat(20, () => backend.getSession('sess_1')))).toEqual(
      repeat(20, () => 'CLERK_UNAVAILABLE'),
    );
    expect([total(), pauses]).toEqual([20, []]);
    sandbox.faults.clear();
    expect((await backend.getUser(free.id)).id).toBe(free.id);
  });

  it.each([
    '..',
    '.',
    'a/b',
    '',
    'count',
    'user_x?x=1',
    'user_',
    'user_ä',
    'org_1',
    ' user_1',
    'user_1\n',
    5,
    null,
  ])('nothing changes where what is asked for is no id: %j asks nothing', async (value) => {
    // What comes from a caller is not always text.
    const id = value as string;
    const calls = () => [
      backend.getUser(id),
      backend.updateUser(id, {}),
      backend.updateUserMetadata(id, {}),
      backend.deleteUser(id),
      backend.createSession(id),
      backend.getSession(id),
      backend.revokeSession(id),
      backend.listMemberships(id),
    ];
    expect(new Set(await codesOf(repeat(10, calls).flat()))).toEqual(new Set(['CLERK_REQUEST_INVALID']));
    expect([total(), pauses, log]).toEqual([0, [], []]);
    expect((await backend.getUser(free.id)).id).toBe(free.id);
  });

  it('an answer in between begins the count anew, a refusal too', async () => {
    for (let round = 0; round < 3; round += 1) {
      sandbox.faults.add({ kind: 'status', status: 500, times: 4 });
      await codesOf(repeat(4, () => backend.revokeSession('sess_none')));
      expect((await failure(backend.revokeSession('sess_none'))).code).toBe('CLERK_RESOURCE_NOT_FOUND');
    }
    expect(log).toEqual([]);
  });

  it('keys are fetched all the same, and machine tokens verified: they fail by themselves', async () => {
    await open();
    await expect(backend.jwks()).resolves.toBeDefined();
    await expect(
      backend.verifyMachineToken('m2m_token', SEEDED_MACHINE_SECRETS.machineToken),
    ).resolves.toMatchObject({ tokenType: 'm2m_token' });
  });

  it('of made-up machine tokens, the host still gets through', async () => {
    sandbox.faults.add({ kind: 'status', status: 500, pathPrefix: '/m2m_tokens' });
    for (let index = 0; index < 7; index += 1) {
      await failure(backend.verifyMachineToken('m2m_token', `mt_${index}_0123456789abcdef`));
    }
    expect(requests(VERIFY)).toBe(5);
    expect((await backend.getUser(free.id)).id).toBe(free.id);
  });
});

describe('the budget of a development instance', () => {
  const ask = () => backend.revokeSession('sess_none');

  it('is a hundred calls in ten seconds: the next is told when there is room, and makes no request', async () => {
    expect(new Set(await codesOf(repeat(100, ask)))).toEqual(new Set(['CLERK_RESOURCE_NOT_FOUND']));
    pass(1_500);
    expect(await failure(ask())).toMatchObject({ code: 'CLERK_RATE_LIMITED', retryAfterSeconds: 9 });
    expect(total()).toBe(100);
    pass(8_500);
    expect((await failure(ask())).code).toBe('CLERK_RESOURCE_NOT_FOUND');
  });

  it('is not taken for an outage when it is used up, and leaves the keys of Clerk alone', async () => {
    await codesOf(repeat(200, ask));
    expect(log).toEqual([]);
    await expect(backend.jwks()).resolves.toBeDefined();
  });

  it('counts a list as two: the client asks for the total as well', async () => {
    await codesOf(repeat(98, ask));
    await backend.listUsers({ limit: 1 });
    expect((await failure(ask())).code).toBe('CLERK_RATE_LIMITED');
    expect(total()).toBe(100);
  });

  it('is half for machine tokens, whoever makes them up', async () => {
    const verify = (index: number) => backend.verifyMachineToken('m2m_token', `mt_${index}_0123456789abcdef`);
    // No more than are under way at once: a turn is waited for by the real clock, and for a second only.
    for (let first = 0; first < 50; first += 10) await codesOf(repeat(10, (index) => verify(first + index)));
    expect((await failure(verify(50))).code).toBe('CLERK_RATE_LIMITED');
    expect(total()).toBe(50);
    expect(await codesOf(repeat(50, ask))).toEqual(repeat(50, () => 'CLERK_RESOURCE_NOT_FOUND'));
  });

  it('of a live instance is a thousand', async () => {
    const live = await ClerkSandbox.start({ secretKey: 'sk_live_sandbox' });
    backend = create(TIMEOUT_MS, live);
    // A hundred at a time: a turn is waited for by the real clock, and for five seconds only.
    for (let hundred = 0; hundred < 10; hundred += 1) {
      expect(new Set(await codesOf(repeat(100, ask)))).toEqual(new Set(['CLERK_RESOURCE_NOT_FOUND']));
    }
    expect((await failure(ask())).code).toBe('CLERK_RATE_LIMITED');
    expect(live.requestCounts.get('POST /v1/sessions/sess_none/revoke')).toBe(1_000);
    await live.stop();
  });
});

describe('one user', () => {
  it('is asked for once, however many ask at the same time', async () => {
    const users = await Promise.all(repeat(100, () => backend.getUser(free.id)));
    expect(new Set(users.map(({ id }) => id))).toEqual(new Set([free.id]));
    expect(total()).toBe(1);
    await Promise.all([backend.getUser(free.id), backend.getUser(pro.id)]);
    expect(total()).toBe(3);
  });

  it('who cannot be had is an outage for all who asked, and is asked for again', async () => {
    sandbox.faults.add({ kind: 'status', status: 500, times: 3 });
    expect(await codesOf(repeat(20, () => backend.getUser(free.id)))).toEqual(
      repeat(20, () => 'CLERK_UNAVAILABLE'),
    );
    expect(requests(GET_FREE)).toBe(3);
    expect((await backend.getUser(free.id)).id).toBe(free.id);
  });

  it('is as the last change left him, though somebody asked before it', async () => {
    sandbox.faults.add({ kind: 'slow', delayMs: 100, times: 1 });
    const before = backend.getUser(free.id);
    await backend.updateUser(free.id, { firstName: 'Changed' });
    expect((await backend.getUser(free.id)).firstName).toBe('Changed');
    expect(requests(GET_FREE)).toBe(2);
    await before;
  });
});
