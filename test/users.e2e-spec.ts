import { connect } from 'node:net';

import { createSigningKey, SEEDED_MACHINE_SECRETS, SEEDED_ORGANIZATION, SEEDED_USERS } from 'clerk-sandbox';

import { startTestService, type TestService, until } from './support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
}, 90_000);

afterAll(() => service.stop());

const me = (token: string) => service.call('/api/users/me', { token });
const byClerk = (clerkId: string, token: string) => service.call(`/api/users/by-clerk/${clerkId}`, { token });

function createUser(firstName = 'Nora') {
  const email = `${firstName.toLowerCase()}.${Math.random().toString(36).slice(2)}@example.com`;
  return service.clerk.users.create({ email_address: [email], first_name: firstName });
}

describe('a signed-in user', () => {
  it('is in the database by the signed webhook, before any request', async () => {
    const user = createUser();
    const row = await until(
      () => service.prisma.user.findUnique({ where: { clerkId: user.id } }),
      (found) => found !== null,
    );
    expect(row).toMatchObject({
      email: user.email_addresses[0]?.email_address,
      firstName: 'Nora',
      isActive: true,
      sourceUpdatedAtMs: BigInt(user.updated_at),
      deletedAt: null,
    });
  });

  it('is answered with his row and the tier of the plan in his token', async () => {
    const { id, email } = SEEDED_USERS.pro;
    const { status, body } = await me(service.clerk.signIn(id).token);
    expect(status).toBe(200);
    expect(body.user).toMatchObject({
      clerk_id: id,
      email,
      first_name: 'Paul',
      tier: 'PRO',
      is_active: true,
    });
  });

  it('who comes before his webhook is fetched from Clerk once, however many requests he sends', async () => {
    service.clerk.webhooks.faults = { delayMs: 60_000 };
    const user = createUser('Early');
    service.clerk.webhooks.faults = {};
    const { token } = service.clerk.signIn(user.id);
    const answers = await Promise.all(Array.from({ length: 10 }, () => me(token)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map(({ body }) => body.user.id)).size).toBe(1);
    expect(service.clerk.requestCounts.get(`GET /v1/users/${user.id}`)).toBe(1);
  });

  it('can bring his row up to date himself: created the first time, updated from then on', async () => {
    service.clerk.webhooks.faults = { delayMs: 60_000 };
    const user = createUser('Sync');
    service.clerk.webhooks.faults = {};
    const { token } = service.clerk.signIn(user.id);
    const sync = () => service.call('/api/users/sync', { method: 'POST', token });
    expect((await sync()).body).toMatchObject({ message: 'User created', user: { clerk_id: user.id } });
    expect((await sync()).body).toMatchObject({ message: 'User updated', user: { clerk_id: user.id } });
  });

  it('follows a change at Clerk', async () => {
    const user = createUser('Before');
    service.clerk.users.update(user.id, { first_name: 'After' });
    const { token } = service.clerk.signIn(user.id);
    const answer = await until(
      () => me(token),
      ({ body }) => body.user.first_name === 'After',
    );
    expect(answer.status).toBe(200);
  });

  it('is refused at once when deleted, banned or signed out, though the token has not expired', async () => {
    const [deleted, banned, signedOut] = [createUser('Del'), createUser('Ban'), createUser('Out')];
    const sessions = [deleted, banned, signedOut].map(({ id }) => service.clerk.signIn(id));
    for (const { token } of sessions) expect((await me(token)).status).toBe(200);

    service.clerk.users.delete(deleted.id);
    service.clerk.users.ban(banned.id);
    service.clerk.sessions.end(sessions[2]?.sessionId ?? '');

    const codes = ['USER_DELETED', 'SESSION_REVOKED', 'SESSION_REVOKED'];
    for (const [index, { token }] of sessions.entries()) {
      const answer = await until(
        () => me(token),
        ({ status }) => status !== 200,
      );
      expect([answer.status, answer.body.code]).toEqual([401, codes[index]]);
    }
  });

  it('who is banned is refused with an API key as well, and nobody may chat for him', async () => {
    const user = createUser('Key');
    const { secret } = service.clerk.machine.create('api_key', { subject: user.id });
    await until(
      () => byClerk(user.id, secret),
      ({ status }) => status === 200,
    );
    service.clerk.users.ban(user.id);
    const refused = await until(
      () => byClerk(user.id, secret),
      ({ status }) => status !== 200,
    );
    expect([refused.status, refused.body.code]).toEqual([401, 'SESSION_REVOKED']);
    const body = { message: 'Hi', clerk_user_id: user.id };
    expect((await service.call('/api/v1/chat', { token: secret, body })).status).toBe(401);
    const machine = await service.call('/api/v1/chat', { token: SEEDED_MACHINE_SECRETS.machineToken, body });
    expect([machine.status, machine.body.code]).toEqual([403, 'NOT_ALLOWED']);
  });

  it('who is deleted leaves a tombstone with nothing personal in it, and no webhook that names him', async () => {
    const user = createUser('Ghost');
    const email = user.email_addresses[0]?.email_address ?? '';
    service.clerk.users.delete(user.id);
    const row = await until(
      () => service.prisma.user.findUnique({ where: { clerkId: user.id } }),
      (found) => found?.deletedAt !== null && found !== null,
    );
    expect(row).toMatchObject({
      email: null,
      firstName: null,
      imageUrl: null,
      metadata: {},
      isActive: false,
    });
    const left = await until(
      () =>
        service.prisma.$queryRawUnsafe<{ n: number }[]>(
          'SELECT count(*)::int AS n FROM clerk_webhook_events WHERE payload::text LIKE $1',
          `%${email}%`,
        ),
      ([found]) => found?.n === 0,
    );
    expect(left).toEqual([{ n: 0 }]);
  });
});

describe('GET /api/users/by-clerk/:clerkId', () => {
  const { free, pro, enterprise } = SEEDED_USERS;

  it('answers the user himself', async () => {
    expect((await byClerk(free.id, service.clerk.signIn(free.id).token)).body.user.clerk_id).toBe(free.id);
  });

  it('answers a machine token', async () => {
    expect((await byClerk(free.id, SEEDED_MACHINE_SECRETS.machineToken)).body.user.clerk_id).toBe(free.id);
  });

  it('answers an API key about the user whom it stands for, and nobody else', async () => {
    expect((await byClerk(enterprise.id, SEEDED_MACHINE_SECRETS.apiKey)).status).toBe(200);
    expect((await byClerk(free.id, SEEDED_MACHINE_SECRETS.apiKey)).body).toMatchObject({
      status: 403,
      code: 'NOT_ALLOWED',
    });
  });

  it('answers an admin about the members of the active organisation, and nobody else', async () => {
    const admin = service.clerk.signIn(enterprise.id, { organizationId: SEEDED_ORGANIZATION.id }).token;
    expect((await byClerk(pro.id, admin)).body.user.clerk_id).toBe(pro.id);
    expect((await byClerk(free.id, admin)).body).toMatchObject({ status: 403, code: 'NOT_ALLOWED' });
    expect((await byClerk('user_nobody', admin)).body).toMatchObject({ status: 403, code: 'NOT_ALLOWED' });
  });

  it('answers no other: a member, an admin without the organisation active', async () => {
    const member = service.clerk.signIn(pro.id, { organizationId: SEEDED_ORGANIZATION.id }).token;
    expect((await byClerk(enterprise.id, member)).body).toMatchObject({ status: 403, code: 'NOT_ALLOWED' });
    expect((await byClerk(pro.id, service.clerk.signIn(enterprise.id).token)).status).toBe(403);
  });

  it('says 404 for a user who is not there, and 400 for what is no id', async () => {
    const unknown = await byClerk('user_nobody', SEEDED_MACHINE_SECRETS.machineToken);
    expect([unknown.status, unknown.body.code]).toEqual([404, 'USER_NOT_FOUND']);
    const malformed = await byClerk('%27%3B--', SEEDED_MACHINE_SECRETS.machineToken);
    expect([malformed.status, malformed.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});

describe('a request that is no good before any route sees it', () => {
  it.each<[string, string, Record<string, string>, number, string]>([
    ['a malformed escape', '/api/users/by-clerk/%E0%A4%A', {}, 400, 'BAD_REQUEST'],
    ['an id without end', `/api/users/by-clerk/${'a'.repeat(300)}`, {}, 414, 'URL_TOO_LONG'],
    ['20 kB of headers', '/api/users/me', { 'x-large': 'a'.repeat(20_000) }, 431, 'HEADERS_TOO_LARGE'],
    ['no such route', '/nowhere', {}, 404, 'ROUTE_NOT_FOUND'],
  ])('%s is answered as problem+json', async (_name, path, headers, status, code) => {
    const answer = await service.call(path, { headers });
    expect([answer.status, answer.body.status, answer.body.code]).toEqual([status, status, code]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('what is not HTTP is answered and cut off', async () => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.write('GARBAGE\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*"code":"BAD_REQUEST"/);
  });
});

describe('bad credentials', () => {
  const token = (overrides = {}) => service.clerk.signIn(SEEDED_USERS.free.id, overrides).token;
  const now = () => Math.floor(Date.now() / 1000);

  it.each([
    ['no token', () => undefined, 'TOKEN_MISSING'],
    ['garbage', () => 'garbage', 'TOKEN_MALFORMED'],
    ['an expired token', () => token({ issuedAtSeconds: now() - 120 }), 'TOKEN_EXPIRED'],
    ['a token of an unknown key', () => token({ key: createSigningKey() }), 'TOKEN_KEY_UNKNOWN'],
    ['a forged signature', () => `${token().slice(0, -6)}AAAAAA`, 'TOKEN_SIGNATURE_INVALID'],
    [
      'another instance',
      () => token({ claims: { iss: 'https://clerk.other.test' } }),
      'TOKEN_ISSUER_REJECTED',
    ],
    ['a pending session', () => token({ claims: { sts: 'pending' } }), 'SESSION_PENDING'],
    ['a JWT template', () => token({ header: { cat: 'cl_B7d4PD222AAA' } }), 'TOKEN_TYPE_REJECTED'],
    ['algorithm none', () => token({ header: { alg: 'none' } }), 'TOKEN_ALGORITHM_REJECTED'],
    ['an API key where none is taken', () => SEEDED_MACHINE_SECRETS.apiKey, 'TOKEN_TYPE_REJECTED'],
  ])('%s: 401 with a code and WWW-Authenticate', async (_name, make, code) => {
    const given = make();
    const answer = await service.call('/api/users/me', given === undefined ? {} : { token: given });
    expect([answer.status, answer.body.code]).toEqual([401, code]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.headers.get('www-authenticate')).toBe(
      code === 'TOKEN_MISSING' ? 'Bearer' : 'Bearer error="invalid_token"',
    );
  });

  it('an unknown machine token: 401', async () => {
    const answer = await byClerk(SEEDED_USERS.free.id, 'mt_unknown_0123456789');
    expect([answer.status, answer.body.code]).toEqual([401, 'MACHINE_TOKEN_INVALID']);
  });
});
