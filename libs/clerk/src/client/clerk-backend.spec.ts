import { ClerkSandbox, SEEDED_MACHINE_SECRETS, SEEDED_USERS } from 'clerk-sandbox';

import { ClerkError } from '../clerk-error.js';
import { START } from './all-users.js';
import { ClerkBackend } from './clerk-backend.js';

/** As Clerk says no. https://clerk.com/docs/guides/development/errors/overview (read 2026-11-21) */
const refusal = (status: number, code: string) =>
  ({ kind: 'json', status, body: { errors: [{ code, message: 'No' }], clerk_trace_id: 'a' } }) as const;
const json = (status: number, body: unknown) => ({ kind: 'json', status, body }) as const;

let sandbox: ClerkSandbox;

beforeAll(async () => {
  sandbox = await ClerkSandbox.start();
});

afterEach(() => sandbox.faults.clear());

afterAll(() => sandbox.stop());

function backend(options: { secretKey?: string | null; requestTimeoutMs?: number } = {}) {
  return new ClerkBackend({
    secretKey: sandbox.secretKey,
    publishableKey: null,
    jwtKey: null,
    apiUrl: sandbox.url,
    requestTimeoutMs: 1_000,
    ...options,
  });
}

async function failure(call: Promise<unknown>): Promise<ClerkError> {
  const error = await call.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  if (error instanceof ClerkError) return error;
  throw error;
}

const { free } = SEEDED_USERS;

/** Every question that is answered with a list. */
function lists(clerk: ClerkBackend) {
  const { listing } = clerk;
  return {
    listMemberships: () => clerk.listMemberships('user_1'),
    listUsers: () => clerk.listUsers({}),
    newest: () => listing.usersUpdatedAtMs(),
    users: () => listing.userSteps(START).next(),
    recentUsers: () => listing.recentUserSteps().next(),
    listedUsers: () => listing.listedUserIds(['user_1']),
    countOrganizations: () => listing.countOrganizations(),
    organizations: () => listing.organizationSteps().next(),
    listedOrganizations: () => listing.listedOrganizationIds(['org_1']),
    memberships: () => listing.membershipSteps().next(),
    membershipsOf: () => listing.membershipsOf('org_1', ['user_1']),
  };
}

describe('the Backend API', () => {
  it('is called through the official client', async () => {
    const clerk = backend();
    const user = await clerk.createUser({ emailAddress: ['call@example.com'] });
    expect((await clerk.updateUser(user.id, { firstName: 'Call' })).firstName).toBe('Call');
    expect((await clerk.updateUserMetadata(user.id, { publicMetadata: { a: 1 } })).publicMetadata).toEqual({
      a: 1,
    });
    expect((await clerk.listUsers({ userId: [user.id] })).totalCount).toBe(1);
    const session = await clerk.createSession(user.id);
    expect((await clerk.getSession(session.id)).status).toBe('active');
    expect((await clerk.revokeSession(session.id)).status).toBe('revoked');
    await clerk.deleteUser(user.id);
    expect((await failure(clerk.getUser(user.id))).code).toBe('CLERK_RESOURCE_NOT_FOUND');
  });

  it('gives machine tokens as what they stand for', async () => {
    expect(await backend().verifyMachineToken('api_key', SEEDED_MACHINE_SECRETS.apiKey)).toMatchObject({
      tokenType: 'api_key',
      subject: SEEDED_USERS.enterprise.id,
      scopes: [],
    });
  });

  it.each([
    ['down', { kind: 'down' }, 'CLERK_UNAVAILABLE'],
    ['silent', { kind: 'hung' }, 'CLERK_UNAVAILABLE'],
    ['failing', { kind: 'status', status: 500 }, 'CLERK_UNAVAILABLE'],
    ['a proxy with HTML', { kind: 'html' }, 'CLERK_UNAVAILABLE'],
    ['a proxy with HTML and 502', { kind: 'html', status: 502 }, 'CLERK_UNAVAILABLE'],
    ['asking for a pause', { kind: 'rate-limited' }, 'CLERK_RATE_LIMITED'],
    ['refusing the key', refusal(401, 'clerk_key_invalid'), 'CLERK_SECRET_KEY_REJECTED'],
    ['out of plan', refusal(402, 'subscription_required'), 'CLERK_SECRET_KEY_REJECTED'],
    ['not allowing it', refusal(403, 'not_allowed'), 'CLERK_SECRET_KEY_REJECTED'],
    ['without the user', refusal(404, 'resource_not_found'), 'CLERK_RESOURCE_NOT_FOUND'],
    ['refusing the arguments', refusal(422, 'form_param_missing'), 'CLERK_REQUEST_INVALID'],
    ['refusing the request', refusal(400, 'request_body_invalid'), 'CLERK_REQUEST_INVALID'],
    ['confused', { kind: 'status', status: 404 }, 'CLERK_UNAVAILABLE'],
    ['a proxy with HTML and 401', { kind: 'html', status: 401 }, 'CLERK_UNAVAILABLE'],
    ['a proxy with HTML and 403', { kind: 'html', status: 403 }, 'CLERK_UNAVAILABLE'],
    ['a proxy with HTML and 404', { kind: 'html', status: 404 }, 'CLERK_UNAVAILABLE'],
    ['a gateway with 404', json(404, { message: 'no Route matched' }), 'CLERK_UNAVAILABLE'],
    ['a gateway with 404 and no error', json(404, { errors: [] }), 'CLERK_UNAVAILABLE'],
    ['a gateway with 404 and text', json(404, { errors: ['gone'] }), 'CLERK_UNAVAILABLE'],
    [
      'a gateway with 404 and half',
      json(404, { errors: [{ code: 'a', message: 'b' }, {}] }),
      'CLERK_UNAVAILABLE',
    ],
    [
      'a gateway with 400 and a number',
      json(400, { errors: [{ code: 7, message: 'b' }] }),
      'CLERK_UNAVAILABLE',
    ],
    ['a gateway that asks for a pause', { kind: 'html', status: 429 }, 'CLERK_RATE_LIMITED'],
  ] as const)('that is %s has a code of its own', async (_name, fault, code) => {
    sandbox.faults.add(fault);
    const startedAt = Date.now();
    // What is not answered in time has this code too: where there is another to come, a busy machine may take its time.
    const requestTimeoutMs = code === 'CLERK_UNAVAILABLE' ? 200 : 900;
    expect((await failure(backend({ requestTimeoutMs }).getUser(free.id))).code).toBe(code);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  it('says how long to wait when Clerk says so', async () => {
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 12 });
    expect((await failure(backend().getUser(free.id))).retryAfterSeconds).toBe(12);
  });

  it('names the parameter that Clerk refuses, and never its value', async () => {
    const error = await failure(backend().createUser({ emailAddress: ['fiona.free@example.com'] }));
    expect(error.code).toBe('CLERK_REQUEST_INVALID');
    expect(error.message).toContain('email_address');
    expect(error.message).not.toContain('fiona');
  });

  it.each([
    ['a failure', { kind: 'status', status: 500 }],
    ['a request that Clerk refuses', refusal(400, 'request_body_invalid')],
    ['a page that is not there', refusal(404, 'resource_not_found')],
    ['arguments that Clerk refuses', refusal(422, 'form_param_missing')],
    ['a proxy with HTML and 403', { kind: 'html', status: 403 }],
    ['a proxy with HTML and 404', { kind: 'html', status: 404 }],
  ] as const)('that has no keys is an outage, whoever is to blame: %s', async (_name, fault) => {
    sandbox.faults.add(fault);
    expect((await failure(backend().jwks())).code).toBe('CLERK_UNAVAILABLE');
  });

  it.each([
    ['asks for a pause', { kind: 'rate-limited', retryAfterSeconds: 9 }, 'CLERK_RATE_LIMITED', 9],
    ['refuses the secret key', refusal(401, 'clerk_key_invalid'), 'CLERK_SECRET_KEY_REJECTED', undefined],
    ['does not allow it', refusal(403, 'not_allowed'), 'CLERK_SECRET_KEY_REJECTED', undefined],
  ] as const)('that is asked for its keys and %s is heard', async (_name, fault, code, retryAfterSeconds) => {
    sandbox.faults.add(fault);
    expect(await failure(backend().jwks())).toMatchObject({ code, retryAfterSeconds });
  });

  const CREDENTIAL = {
    id: 'ak_1',
    subject: 'user_1',
    scopes: ['a'],
    claims: { b: 1 },
    revoked: false,
    expired: false,
  };
  const verify = () => backend().verifyMachineToken('api_key', SEEDED_MACHINE_SECRETS.apiKey);

  it('is believed about a machine token: id, subject, scopes and claims', async () => {
    sandbox.faults.add(json(200, { object: 'api_key', ...CREDENTIAL }));
    expect(await verify()).toEqual({
      tokenType: 'api_key',
      id: 'ak_1',
      subject: 'user_1',
      scopes: ['a'],
      claims: { b: 1 },
    });
    sandbox.faults.clear();
    sandbox.faults.add(json(200, { object: 'api_key', ...CREDENTIAL, claims: null }));
    expect((await verify()).claims).toEqual({});
  });

  it.each([{ revoked: true }, { expired: true }])(
    'says that a machine token is no longer good: %o',
    async (more) => {
      sandbox.faults.add(json(200, { object: 'api_key', ...CREDENTIAL, ...more }));
      expect((await failure(verify())).code).toBe('MACHINE_TOKEN_INVALID');
    },
  );

  const NO_CREDENTIALS: readonly unknown[] = [
    {},
    [],
    null,
    { data: [], total_count: 0 },
    { object: 'api_key', deleted: true, id: 'ak_1' },
    ...[
      { id: undefined },
      { id: '' },
      { subject: undefined },
      { subject: '' },
      { subject: 5 },
      { scopes: null },
      { scopes: 'abc' },
      { scopes: [1] },
      { claims: [] },
      { claims: 'x' },
      { revoked: undefined },
      { revoked: 'false' },
      { expired: null },
    ].map((more) => Object.assign({ object: 'api_key' }, CREDENTIAL, more)),
  ];

  it.each(NO_CREDENTIALS.map((body) => ({ body })))(
    'that says what is no machine token is an outage: %j',
    async ({ body }) => {
      sandbox.faults.add(json(200, body));
      expect((await failure(verify())).code).toBe('CLERK_UNAVAILABLE');
    },
  );

  const SESSION = {
    object: 'session',
    id: 'sess_1',
    user_id: 'user_1',
    status: 'active',
    expire_at: 1_900_000_000_000,
  };

  const OTHER_SESSIONS: readonly unknown[] = [
    {},
    [],
    SESSION.id,
    ...[
      { id: 'sess_2' },
      { user_id: undefined },
      { user_id: '' },
      { status: undefined },
      { status: '' },
      { expire_at: undefined },
      { expire_at: '1900000000000' },
      { object: 'user' },
    ].map((more) => Object.assign({}, SESSION, more)),
  ];

  it.each(OTHER_SESSIONS.map((body) => ({ body })))(
    'that says what is not the session asked for is an outage: %j',
    async ({ body }) => {
      sandbox.faults.add(json(200, SESSION));
      expect((await backend().getSession('sess_1')).userId).toBe('user_1');
      sandbox.faults.clear();
      sandbox.faults.add(json(200, body));
      expect((await failure(backend().getSession('sess_1'))).code).toBe('CLERK_UNAVAILABLE');
      expect((await failure(backend().revokeSession('sess_1'))).code).toBe('CLERK_UNAVAILABLE');
    },
  );

  it.each([
    ['nothing', {}],
    ['a list', []],
    ['another user', { object: 'user', id: 'user_2' }],
    ['an id and nothing else', { id: 'user_1' }],
    ['a user without an id', { object: 'user' }],
  ])('that answers with %s where a user is asked for is an outage', async (_name, body) => {
    sandbox.faults.add(json(200, body));
    const clerk = backend();
    const failures = await Promise.all([
      failure(clerk.getUser('user_1')),
      failure(clerk.updateUser('user_1', { firstName: 'A' })),
      failure(clerk.updateUserMetadata('user_1', { publicMetadata: {} })),
      failure(clerk.deleteUser('user_1')),
    ]);
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['CLERK_UNAVAILABLE']));
  });

  it.each([{ body: {} }, { body: [] }, { body: { data: {} } }])(
    'that answers with no list where one is asked for is an outage: %j',
    async ({ body }) => {
      sandbox.faults.add(json(200, body));
      expect((await failure(backend().listMemberships('user_1'))).code).toBe('CLERK_UNAVAILABLE');
    },
  );

  it.each([{ body: {} }, { body: { data: {} } }, { body: [{}] }, { body: { data: [{}], total_count: 1 } }])(
    'that answers with no list of things with ids, where any list is asked for, is an outage: %j',
    async ({ body }) => {
      sandbox.faults.add(json(200, body));
      const calls = Object.values(lists(backend())).map((call) => failure(call()));
      const codes = (await Promise.all(calls)).map(({ code }) => code);
      expect(new Set(codes)).toEqual(new Set(['CLERK_UNAVAILABLE']));
    },
  );

  it('that does not say how many there are is an outage', async () => {
    sandbox.faults.add(json(200, { data: [], total_count: null }));
    const { listing } = backend();
    for (const count of [listing.countUsers(), listing.countOrganizations(), listing.countMemberships()])
      expect((await failure(count)).code).toBe('CLERK_UNAVAILABLE');
  });

  it.each([
    ['no limit', { limit: 0 }],
    ['a limit over 500', { limit: 501 }],
    ['half a thing', { limit: 1.5 }],
    ['an offset below 0', { offset: -1 }],
    ['no ids', { userId: [] }],
    ['what is no id', { userId: ['user_?'] }],
    ['more than 100 ids', { userId: Array.from({ length: 101 }, (_, index) => `user_${index}`) }],
    ['ids of another kind', { organizationId: ['user_1'] }],
  ])('is not asked for a list with %s: that is the mistake of whoever asks', async (_name, parameters) => {
    const asked = [...sandbox.requestCounts.values()].length;
    sandbox.requestCounts.clear();
    expect((await failure(backend().listUsers(parameters))).code).toBe('CLERK_REQUEST_INVALID');
    expect([asked > 0, sandbox.requestCounts.size]).toEqual([true, 0]);
    await backend().listUsers({ limit: 500, userId: [`+${free.id}`] });
  });

  it('is not asked by long jobs for what has no id of Clerk’s', async () => {
    const { listing } = backend();
    const calls = [
      listing.findUser('user_/../x'),
      listing.findOrganization('user_1'),
      listing.membershipsOf('org_?', ['user_1']),
      listing.membershipsOf('org_1', ['org_1']),
      listing.listedUserIds([]),
      listing.listedOrganizationIds(['org_?']),
    ];
    const codes = (await Promise.all(calls.map(failure))).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['CLERK_REQUEST_INVALID']));
  });

  it('says so when an id or the secret key is missing', async () => {
    expect((await failure(backend().getUser(''))).code).toBe('CLERK_REQUEST_INVALID');
    expect((await failure(backend({ secretKey: null }).getUser(free.id))).code).toBe(
      'CLERK_SECRET_KEY_REJECTED',
    );
  });
});
