import { randomBytes } from 'node:crypto';

import { Logger } from '@nestjs/common';
import { SEEDED_MACHINE_SECRETS, SEEDED_ORGANIZATION, SEEDED_USERS } from 'clerk-sandbox';
import { ClerkService } from 'nest-clerk';

import { type Environment, readEnvironment } from '../apps/api/src/config/environment.js';
import { backends } from './support/database.js';
import {
  RATE_LIMIT_ANSWER_MS,
  startTestService,
  type TestAnswer,
  type TestService,
  until,
} from './support/service.js';

// A thousand requests of one user take their time on a busy machine.
import.meta.jest.setTimeout(120_000);

const DEFAULTS = readEnvironment({ RATE_LIMIT_ANSWER_MS }).rateLimits;
const POLICIES = {
  ANONYMOUS: '"minute";q=60;w=60',
  FREE: '"minute";q=10;w=60, "hour";q=1000;w=3600',
  PRO: '"minute";q=100;w=60',
  ENTERPRISE: '"minute";q=1000;w=60',
};
const QUOTA_EXCEEDED = {
  type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  title: 'Request cannot be satisfied as assigned quota has been exceeded',
  status: 429,
  code: 'RATE_LIMITED',
  detail: 'Too many requests. Try again after the time that Retry-After says.',
  'violated-policies': ['minute'],
};

let service: TestService;

async function startLimited(overrides: Partial<Environment> = {}): Promise<TestService> {
  return startTestService({ rateLimits: DEFAULTS, trustedProxies: ['loopback'], ...overrides });
}

/** Somebody new has a budget of his own. */
function createUser(target = service): string {
  const email = `${randomBytes(6).toString('hex')}@example.com`;
  return target.clerk.users.create({ email_address: [email] }).id;
}

/** `plan` as the token has it; null: the token names none. */
function signIn(plan: string | null = 'u:free_user', userId = createUser(), target = service): string {
  return target.clerk.signIn(userId, { claims: { pla: plan } }).token;
}

const ask = (token: string, target = service) => target.call('/api/users/me', { token });

interface Timed {
  readonly answer: TestAnswer;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

async function timed(request: () => Promise<TestAnswer>): Promise<Timed> {
  const startedAtMs = Date.now();
  return { answer: await request(), startedAtMs, endedAtMs: Date.now() };
}

/** Whole seconds until a unit that was spent in `first` is back, as `then` may have seen it. One value, unless a second began meanwhile. */
function secondsLeft(windowSeconds: number, first: Timed, then: Timed): number[] {
  const left = (passedMs: number) => Math.ceil((windowSeconds * 1_000 - passedMs) / 1_000);
  const [least, most] = [
    left(then.endedAtMs - first.startedAtMs),
    left(Math.max(0, then.startedAtMs - first.endedAtMs)),
  ];
  return Array.from({ length: most - least + 1 }, (_, index) => least + index);
}

function limitHeaders({ headers }: TestAnswer): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => /ratelimit|retry-after/.test(name)));
}

/** Addresses for documentation, with a customer of its own each. */
const randomAddress = () => `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}::1`;
const failFrom = (address: string, target = service) =>
  target.call('/api/users/me', { token: 'garbage', headers: { 'x-forwarded-for': address } });

beforeAll(async () => {
  service = await startLimited();
}, 90_000);

afterAll(() => service.stop());

describe('guide Rate limits: each tier lets through what it says and not one more', () => {
  it('FREE: 10 in a minute, and what is left of an hour', async () => {
    const token = signIn();
    const first = await timed(() => ask(token));
    for (let spent = 1; spent <= 10; spent += 1) {
      const request = spent === 1 ? first : await timed(() => ask(token));
      expect(request.answer.status).toBe(200);
      const { 'ratelimit-policy': policy, ratelimit, ...others } = limitHeaders(request.answer);
      expect([policy, others]).toEqual([POLICIES.FREE, {}]);
      const [, minute, hour] =
        new RegExp(`^"minute";r=${10 - spent};t=(\\d+), "hour";r=${1_000 - spent};t=(\\d+)$`).exec(
          ratelimit ?? '',
        ) ?? [];
      expect(secondsLeft(60, first, request)).toContain(Number(minute));
      expect(secondsLeft(3_600, first, request)).toContain(Number(hour));
    }
    const { answer, ...times } = await timed(() => ask(token));
    expect([answer.status, answer.body]).toEqual([429, QUOTA_EXCEEDED]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    const { 'retry-after': retryAfter, ratelimit, 'ratelimit-policy': policy } = limitHeaders(answer);
    expect(secondsLeft(60, first, { answer, ...times })).toContain(Number(retryAfter));
    const hour = /^"minute";r=0;t=(\d+), "hour";r=990;t=(\d+)$/.exec(ratelimit ?? '');
    expect([policy, hour?.[1]]).toEqual([POLICIES.FREE, retryAfter]);
    expect(secondsLeft(3_600, first, { answer, ...times })).toContain(Number(hour?.[2]));
  });

  it('ANONYMOUS: 60 in a minute to public routes, an answer 404 counted like any other', async () => {
    const headers = { 'x-forwarded-for': randomAddress() };
    const verify = () => timed(() => service.call(`/certificates/${'0'.repeat(32)}`, { headers }));
    const first = await verify();
    for (let spent = 1; spent <= 60; spent += 1) {
      const request = spent === 1 ? first : await verify();
      expect(request.answer.status).toBe(404);
      const { 'ratelimit-policy': policy, ratelimit, ...others } = limitHeaders(request.answer);
      expect([policy, others]).toEqual([POLICIES.ANONYMOUS, {}]);
      const [, seconds] = new RegExp(`^"minute";r=${60 - spent};t=(\\d+)$`).exec(ratelimit ?? '') ?? [];
      expect(secondsLeft(60, first, request)).toContain(Number(seconds));
    }
    const refused = await verify();
    expect([refused.answer.status, refused.answer.body]).toEqual([429, QUOTA_EXCEEDED]);
    const { 'retry-after': retryAfter, ...fields } = limitHeaders(refused.answer);
    expect(secondsLeft(60, first, refused)).toContain(Number(retryAfter));
    expect(fields).toEqual({
      'ratelimit-policy': POLICIES.ANONYMOUS,
      ratelimit: `"minute";r=0;t=${retryAfter}`,
    });
  });

  it.each([
    ['PRO', 'u:pro', 100],
    ['ENTERPRISE', 'u:enterprise', 1_000],
  ] as const)('%s: %s, %d in a minute', async (tier, plan, limit) => {
    const token = signIn(plan);
    const first = await timed(() => ask(token));
    const answers = [first.answer];
    while (answers.length < limit) {
      const lanes = Math.min(20, limit - answers.length);
      answers.push(...(await Promise.all(Array.from({ length: lanes }, () => ask(token)))));
    }
    const left = answers.map(({ headers }) => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const everyNumber = Array.from({ length: limit }, (_, index) => limit - 1 - index);
    // A leased tier shares Redis by the handful: what is left is told as of the last handful, and comes back with all of it.
    const isLeased = tier === 'ENTERPRISE' && backends === 'services';
    if (isLeased) expect([Math.min(...left), Math.max(...left) < limit]).toEqual([0, true]);
    else expect(left.toSorted((a, b) => b - a)).toEqual(everyNumber);
    const refused = await timed(() => ask(token));
    expect([refused.answer.status, refused.answer.body]).toEqual([429, QUOTA_EXCEEDED]);
    const { 'retry-after': retryAfter, ...fields } = limitHeaders(refused.answer);
    expect(fields).toEqual({
      'ratelimit-policy': POLICIES[tier],
      // Leased units stand in Redis at the end of their cell, so that the wait may be longer than the window, which `t` never is.
      ratelimit: `"minute";r=0;t=${Math.min(60, Number(retryAfter))}`,
    });
    const leaseSeconds = isLeased ? [1, 2, 3] : [];
    const expected = secondsLeft(60, first, refused);
    expect([...expected, ...leaseSeconds.map((more) => Math.max(...expected) + more)]).toContain(
      Number(retryAfter),
    );
  });
});

describe('a change of tier', () => {
  it('takes effect with the next token: an upgrade adds, a downgrade forgives nothing', async () => {
    const userId = createUser();
    const [free, pro] = ['u:free_user', 'u:pro'].map((plan) => signIn(plan, userId));
    for (let spent = 0; spent < 10; spent += 1) expect((await ask(free ?? '')).status).toBe(200);
    expect((await ask(free ?? '')).status).toBe(429);
    const raised = await ask(pro ?? '');
    expect(raised.status).toBe(200);
    expect(limitHeaders(raised)).toMatchObject({
      'ratelimit-policy': POLICIES.PRO,
      ratelimit: expect.stringMatching(/^"minute";r=89;/),
    });
    const lowered = await ask(free ?? '');
    expect([lowered.status, lowered.headers.get('ratelimit')]).toEqual([
      429,
      // What is known to be blocked is answered without Redis, and of what is not violated nothing is known any more.
      expect.stringMatching(/^"minute";r=0;t=\d+(, "hour";r=989;t=\d+)?$/),
    ]);
  });

  it('comes from the plan subscribed to, where neither token nor metadata names one', async () => {
    const userId = createUser();
    service.clerk.subscriptions.setPlan(userId, { plan: 'pro' });
    await service.clerk.webhooks.idle();
    const clerk = service.app.get(ClerkService);
    await until(
      () => clerk.subscriptionPlan(userId),
      (plan) => plan === 'pro',
    );
    expect((await ask(signIn(null, userId))).headers.get('ratelimit-policy')).toBe(POLICIES.PRO);
  });

  it('in the metadata takes effect within 60 s of the webhook, without a new token', async () => {
    const userId = createUser();
    const token = signIn(null, userId);
    expect((await ask(token)).headers.get('ratelimit-policy')).toBe(POLICIES.FREE);
    service.clerk.users.update(userId, { public_metadata: { tier: 'PRO' } });
    const { body } = await until(
      () => service.call(`/api/users/by-clerk/${userId}`, { token: SEEDED_MACHINE_SECRETS.machineToken }),
      ({ body }) => body.user.tier === 'PRO',
    );
    expect(body.user.tier).toBe('PRO');
    const realNow = performance.now.bind(performance);
    const now = import.meta.jest.spyOn(performance, 'now').mockImplementation(() => realNow() + 60_000);
    try {
      expect(
        (
          await until(
            () => ask(token),
            ({ headers }) => headers.get('ratelimit-policy') === POLICIES.PRO,
          )
        ).status,
      ).toBe(200);
    } finally {
      now.mockRestore();
    }
  });
});

describe('whose budget it is', () => {
  it('is the user, whichever session or key: nobody gets a second one by making a key', async () => {
    const userId = createUser();
    await ask(signIn('u:free_user', userId));
    const { secret } = service.clerk.machine.create('api_key', { subject: userId });
    const answers = [
      await ask(signIn('u:free_user', userId)),
      await service.call(`/api/users/by-clerk/${userId}`, { token: secret }),
    ];
    expect(answers.map(({ headers }) => headers.get('ratelimit'))).toEqual([
      expect.stringMatching(/^"minute";r=8;/),
      expect.stringMatching(/^"minute";r=7;/),
    ]);
  });

  it('is the user, whether an organisation is active or not', async () => {
    const claims = { pla: 'o:free_org,u:pro' };
    const left = async (active: { organizationId?: string }) => {
      const { headers } = await ask(service.clerk.signIn(SEEDED_USERS.pro.id, { ...active, claims }).token);
      return Number(/^"minute";r=(\d+);t=\d+$/.exec(headers.get('ratelimit') ?? '')?.[1]);
    };
    const before = await left({});
    expect(await left({ organizationId: SEEDED_ORGANIZATION.id })).toBe(before - 1);
  });

  it('is the machine, on the highest tier: only who has the secret key makes its tokens', async () => {
    const { headers } = await service.call(`/api/users/by-clerk/${SEEDED_USERS.free.id}`, {
      token: SEEDED_MACHINE_SECRETS.machineToken,
    });
    expect(headers.get('ratelimit-policy')).toBe(POLICIES.ENTERPRISE);
  });

  it('is the active organisation, and its plan, where that is configured', async () => {
    const shared = await startLimited({ rateLimits: { ...DEFAULTS, isPerOrganization: true } });
    try {
      const organizationId = SEEDED_ORGANIZATION.id;
      const claims = { pla: 'o:pro,u:enterprise' };
      const ofMember = (id: string) => shared.clerk.signIn(id, { organizationId, claims }).token;
      const left = async (token: string) => (await ask(token, shared)).headers.get('ratelimit') ?? '';
      const read = (fields: string) => Number(/^"minute";r=(\d+);t=\d+$/.exec(fields)?.[1]);
      const before = read(await left(ofMember(SEEDED_USERS.pro.id)));
      expect(before).toBeLessThan(100);
      expect(read(await left(ofMember(SEEDED_USERS.enterprise.id)))).toBe(before - 1);
      expect(await left(signIn('u:free_user', createUser(shared), shared))).toMatch(/^"minute";r=9;/);
    } finally {
      await shared.stop();
    }
  });
});

describe('failed sign-ins', () => {
  it('are 401 until their address has spent its budget, then 429 to everything from there, before anything is verified', async () => {
    const address = randomAddress();
    const statuses = [];
    for (let failed = 0; failed < 60; failed += 1) statuses.push((await failFrom(address)).status);
    expect(statuses).toEqual(Array(60).fill(401));
    const refused = await failFrom(address);
    expect([refused.status, refused.body]).toEqual([429, QUOTA_EXCEEDED]);
    const { 'retry-after': retryAfter, ...fields } = limitHeaders(refused);
    expect(fields).toEqual({
      'ratelimit-policy': POLICIES.ANONYMOUS,
      ratelimit: `"minute";r=0;t=${retryAfter}`,
    });
    const asked = service.clerk.requestCounts.get('POST /v1/m2m_tokens/verify');
    const headers = { 'x-forwarded-for': address };
    const machine = await service.call(`/api/users/by-clerk/${SEEDED_USERS.free.id}`, {
      token: `mt_${randomBytes(16).toString('hex')}`,
      headers,
    });
    expect([machine.status, service.clerk.requestCounts.get('POST /v1/m2m_tokens/verify')]).toEqual([
      429,
      asked,
    ]);
    expect((await service.call('/api/users/me', { token: signIn(), headers })).status).toBe(429);
    expect((await failFrom(randomAddress())).status).toBe(401);
    // What is public is answered to them as well, and counted for itself.
    const certificate = await service.call(`/certificates/${'0'.repeat(32)}`, { headers });
    expect([certificate.status, limitHeaders(certificate)]).toEqual([
      404,
      { 'ratelimit-policy': POLICIES.ANONYMOUS, ratelimit: '"minute";r=59;t=60' },
    ]);
    // And what is not limited.
    expect((await service.call('/health/live', { headers })).status).toBe(200);
    expect((await service.call('/metrics', { headers })).status).toBe(200);
    expect((await service.call('/webhooks/clerk', { headers, body: {} })).status).toBe(400);
  });

  it.each([
    ['of one IPv6 /64 are of one address', (net: string) => [`${net}::1`, `${net}:ffff::2`], [401, 429]],
    [
      'of two /64 are of two',
      (net: string) => [`${net}::1`, `${net.replace(/.$/, (last) => (last === '1' ? '2' : '1'))}::1`],
      [401, 401],
    ],
    [
      'count the address that a trusted proxy saw, not what the client says of itself',
      (net: string) => [`198.51.100.1, ${net}::1`, `198.51.100.2, ${net}::1`],
      [401, 429],
    ],
  ])('%s', async (_name, addresses, expected) => {
    const net = `2001:db8:${randomBytes(2).toString('hex')}:1${randomBytes(1).toString('hex')}`;
    const [first = '', second = ''] = addresses(net);
    for (let failed = 1; failed < 60; failed += 1) await failFrom(first);
    expect([(await failFrom(first)).status, (await failFrom(second)).status]).toEqual(expected);
  });
});

describe('X-Forwarded-For', () => {
  it('is not believed unless proxies are trusted', async () => {
    const direct = await startLimited({
      trustedProxies: null,
      rateLimits: readEnvironment({ RATE_LIMIT_ANONYMOUS: '7/s,20000/h', RATE_LIMIT_ANSWER_MS }).rateLimits,
    });
    try {
      const answers = await Promise.all(Array.from({ length: 40 }, () => failFrom(randomAddress(), direct)));
      expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    } finally {
      await direct.stop();
    }
  });

  it.each([
    ['in production, where none is trusted: once, and without an address', true, null, 1],
    ['in production, where one is', true, ['loopback'], 0],
    ['elsewhere', false, null, 0],
  ])('is told of %s', async (_where, isProduction, trustedProxies, times) => {
    const warn = import.meta.jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const told = await startLimited({ isProduction, trustedProxies });
    try {
      await told.call('/health/live');
      const before = warn.mock.calls.length;
      for (let sent = 0; sent < 3; sent += 1) await failFrom('192.0.2.7', told);
      const warnings = warn.mock.calls.slice(before).map(([text]) => String(text));
      expect(warnings).toEqual(Array(times).fill(expect.stringContaining('TRUSTED_PROXIES')));
      expect(warnings.join()).not.toContain('192.0.2.7');
    } finally {
      await told.stop();
      warn.mockRestore();
    }
  });
});

describe('what is not limited', () => {
  it.each(['/health/live', '/health/ready', '/metrics'])('%s says nothing of limits', async (path) => {
    expect(limitHeaders(await service.call(path))).toEqual({});
  });

  it('is what Clerk sends: more webhooks than an address may fail', async () => {
    for (let sent = 0; sent < 70; sent += 1) createUser();
    await service.clerk.webhooks.idle();
    const answers = service.clerk.webhooks
      .messages()
      .slice(0, 70)
      .flatMap(({ attempts }) => attempts);
    expect(answers.map(({ status }) => status)).toEqual(Array(70).fill(204));
  });
});

describe('the figures', () => {
  it('tell decisions by tier and outcome', async () => {
    const token = signIn();
    for (let sent = 0; sent < 11; sent += 1) await ask(token);
    const { text } = await service.call('/metrics');
    expect(text).toMatch(/^rate_limit_decisions_total\{tier="FREE",outcome="allowed"\} \d+$/m);
    expect(text).toMatch(/^rate_limit_decisions_total\{tier="FREE",outcome="limited"\} \d+$/m);
    expect(text).toMatch(/^clerk_webhooks_received_total \d+$/m);
  });
});
