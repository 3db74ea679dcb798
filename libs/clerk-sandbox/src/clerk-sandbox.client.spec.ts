import { type ClerkClient, createClerkClient, verifyToken } from '@clerk/backend';
import { isClerkAPIResponseError } from '@clerk/backend/errors';

import { ClerkSandbox, SEEDED_MACHINE_SECRETS, SEEDED_ORGANIZATION, SEEDED_USERS } from './index.js';

const { free, pro, enterprise } = SEEDED_USERS;

let sandbox: ClerkSandbox;
let client: ClerkClient;

beforeAll(async () => {
  sandbox = await ClerkSandbox.start();
  client = createClerkClient({
    apiUrl: sandbox.url,
    secretKey: sandbox.secretKey,
    publishableKey: sandbox.publishableKey,
    telemetry: { disabled: true },
  });
});

afterAll(() => sandbox.stop());

let count = 0;
const newEmail = () => `person${(count += 1)}@example.com`;
const createUser = (parameters = {}) =>
  client.users.createUser({ emailAddress: [newEmail()], firstName: 'Mara', ...parameters });

/** What the client throws, as plain values. */
async function failure(call: Promise<unknown>) {
  const error = await call.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  if (!isClerkAPIResponseError(error)) throw error;
  return { status: error.status, code: error.errors[0]?.code, param: error.errors[0]?.meta?.paramName };
}

describe('users, through the official client', () => {
  it('createUser: gives an id of Clerk, times in milliseconds, and the first address as primary', async () => {
    const before = Date.now();
    const [first, second] = [newEmail(), newEmail()];
    const user = await createUser({
      emailAddress: [first, second],
      lastName: 'Reef',
      username: 'mara_reef',
      externalId: 'ext_1',
      publicMetadata: { tier: 'PRO' },
      privateMetadata: { note: 'x' },
    });
    expect(user.id).toMatch(/^user_[A-Za-z0-9]{27}$/);
    expect(user.primaryEmailAddress?.emailAddress).toBe(first);
    expect(user.emailAddresses.map(({ emailAddress }) => emailAddress)).toEqual([first, second]);
    expect(user).toMatchObject({
      firstName: 'Mara',
      lastName: 'Reef',
      username: 'mara_reef',
      externalId: 'ext_1',
      publicMetadata: { tier: 'PRO' },
      privateMetadata: { note: 'x' },
      banned: false,
      locked: false,
    });
    expect(user.createdAt).toBeGreaterThanOrEqual(before);
    expect(user.createdAt).toBeLessThanOrEqual(Date.now());
  });

  it('createUser: refuses an address, a username or an external id that is taken, and a user without any', async () => {
    const user = await createUser({ username: 'taken_name' });
    const emailAddress = [user.primaryEmailAddress?.emailAddress ?? ''];
    expect(await failure(client.users.createUser({ emailAddress }))).toEqual({
      status: 422,
      code: 'form_identifier_exists',
      param: 'email_address',
    });
    expect(await failure(createUser({ username: 'taken_name' }))).toMatchObject({
      status: 422,
      param: 'username',
    });
    expect(await failure(client.users.createUser({}))).toMatchObject({
      status: 422,
      code: 'form_param_missing',
    });
  });

  it('getUser: gives what was created; 404 with the code of Clerk for one who is not there', async () => {
    const created = await createUser();
    const user = await client.users.getUser(created.id);
    expect(user.raw).toEqual(created.raw);
    expect(await failure(client.users.getUser('user_nobody'))).toMatchObject({
      status: 404,
      code: 'resource_not_found',
    });
  });

  it('getUserList and getCount: page, order and count', async () => {
    const prefix = `list${(count += 1)}`;
    for (const name of ['b', 'c', 'a']) await createUser({ firstName: `${prefix}${name}` });
    const query = prefix;
    const ordered = await client.users.getUserList({ query, orderBy: '+first_name' });
    expect(ordered.totalCount).toBe(3);
    expect(ordered.data.map(({ firstName }) => firstName)).toEqual([
      `${prefix}a`,
      `${prefix}b`,
      `${prefix}c`,
    ]);
    const newest = await client.users.getUserList({ query, orderBy: '-first_name', limit: 1, offset: 1 });
    expect([newest.totalCount, newest.data.map(({ firstName }) => firstName)]).toEqual([3, [`${prefix}b`]]);
    expect(await client.users.getCount({ query })).toBe(3);
    expect((await client.users.getUserList({ query, limit: 500 })).data).toHaveLength(3);
    expect(await failure(client.users.getUserList({ limit: 501 }))).toMatchObject({
      status: 422,
      param: 'limit',
    });
  });

  it('getUserList: filters by each identifier, by organisation and by time', async () => {
    const user = await createUser({ username: `filter_${(count += 1)}`, externalId: `ext_filter_${count}` });
    const ids = async (parameters: Parameters<ClerkClient['users']['getUserList']>[0]) =>
      (await client.users.getUserList(parameters)).data.map(({ id }) => id);
    expect(await ids({ userId: [user.id] })).toEqual([user.id]);
    expect(await ids({ emailAddress: [user.primaryEmailAddress?.emailAddress ?? ''] })).toEqual([user.id]);
    expect(await ids({ username: [user.username ?? ''] })).toEqual([user.id]);
    expect(await ids({ externalId: [user.externalId ?? ''] })).toEqual([user.id]);
    expect(new Set(await ids({ organizationId: [SEEDED_ORGANIZATION.id] }))).toEqual(
      new Set([pro.id, enterprise.id]),
    );
    expect(await ids({ userId: [user.id], createdAtAfter: user.createdAt - 1 })).toEqual([user.id]);
    expect(await ids({ userId: [user.id], createdAtBefore: user.createdAt })).toEqual([]);
    expect(await ids({ userId: [free.id, pro.id], orderBy: '+email_address' })).toEqual([free.id, pro.id]);
  });

  it('updateUser: changes what is given, and moves updatedAt forward', async () => {
    const user = await createUser({ lastName: 'Old' });
    const updated = await client.users.updateUser(user.id, { lastName: 'New' });
    expect(updated).toMatchObject({ firstName: 'Mara', lastName: 'New', createdAt: user.createdAt });
    expect(updated.updatedAt).toBeGreaterThan(user.updatedAt);
    expect(await failure(client.users.updateUser('user_nobody', { lastName: 'x' }))).toMatchObject({
      status: 404,
    });
  });

  it('updateUserMetadata: merges deeply, and null removes a key; replaceUserMetadata: replaces', async () => {
    const { id } = await createUser({ publicMetadata: { a: { x: 1, y: 2 }, b: 1 } });
    const merged = await client.users.updateUserMetadata(id, { publicMetadata: { a: { y: 3 }, b: null } });
    expect(merged.publicMetadata).toEqual({ a: { x: 1, y: 3 } });
    const replaced = await client.users.replaceUserMetadata(id, { publicMetadata: { c: 1 } });
    expect(replaced.publicMetadata).toEqual({ c: 1 });
  });

  it('banUser, unbanUser, lockUser, unlockUser: set their flags; a ban ends the sessions', async () => {
    const { id } = await createUser();
    const session = await client.sessions.createSession({ userId: id });
    expect((await client.users.banUser(id)).banned).toBe(true);
    expect((await client.sessions.getSession(session.id)).status).toBe('revoked');
    expect(await failure(client.sessions.createSession({ userId: id }))).toMatchObject({ status: 403 });
    expect((await client.users.unbanUser(id)).banned).toBe(false);
    expect((await client.users.lockUser(id)).locked).toBe(true);
    expect((await client.users.unlockUser(id)).locked).toBe(false);
  });

  it('deleteUser: answers with what is gone, and it is', async () => {
    const { id } = await createUser();
    expect(await client.users.deleteUser(id)).toMatchObject({ id, deleted: true });
    expect(await failure(client.users.getUser(id))).toMatchObject({ status: 404 });
    expect(await failure(client.users.deleteUser(id))).toMatchObject({ status: 404 });
  });

  it('getOrganizationMembershipList: lists the organisations of a user', async () => {
    const { data, totalCount } = await client.users.getOrganizationMembershipList({ userId: pro.id });
    expect(totalCount).toBe(1);
    expect(data[0]).toMatchObject({ role: 'org:member', organization: { id: SEEDED_ORGANIZATION.id } });
  });
});

describe('sessions, through the official client', () => {
  it('createSession, getSession, getSessionList, revokeSession', async () => {
    const user = await createUser();
    const session = await client.sessions.createSession({ userId: user.id });
    expect(session).toMatchObject({ userId: user.id, status: 'active' });
    expect(session.id).toMatch(/^sess_/);
    expect(session.expireAt).toBe(session.createdAt + 7 * 86_400_000);
    expect((await client.sessions.getSession(session.id)).id).toBe(session.id);
    const listed = await client.sessions.getSessionList({ userId: user.id, status: 'active' });
    expect([listed.totalCount, listed.data.map(({ id }) => id)]).toEqual([1, [session.id]]);
    expect((await client.sessions.revokeSession(session.id)).status).toBe('revoked');
    expect((await client.sessions.getSessionList({ userId: user.id, status: 'active' })).data).toEqual([]);
    expect(await failure(client.sessions.getSession('sess_nothing'))).toMatchObject({ status: 404 });
    expect(await failure(client.sessions.getSessionList())).toMatchObject({ status: 422 });
  });

  it('getToken: gives a token that the client verifies, and none for a session that has ended', async () => {
    const session = await client.sessions.createSession({ userId: free.id });
    const { jwt } = await client.sessions.getToken(session.id);
    const claims = await verifyToken(jwt, { secretKey: sandbox.secretKey, apiUrl: sandbox.url });
    expect(claims).toMatchObject({ sub: free.id, sid: session.id });
    const long = await client.sessions.getToken(session.id, undefined, 600);
    const { exp, iat } = await verifyToken(long.jwt, { jwtKey: sandbox.jwtKey });
    expect(exp - iat).toBe(600);
    expect((await client.sessions.verifySession(session.id, jwt)).id).toBe(session.id);
    await client.sessions.revokeSession(session.id);
    expect(await failure(client.sessions.getToken(session.id))).toMatchObject({ status: 422 });
  });

  it('getToken with a template: gives a token of another category, which is no session token', async () => {
    const session = await client.sessions.createSession({ userId: free.id });
    const { jwt } = await client.sessions.getToken(session.id, 'my-template');
    const state = await authenticate(jwt);
    expect([state.isAuthenticated, state.reason]).toEqual([false, 'token-type-mismatch']);
  });
});

describe('organisations, through the official client', () => {
  it('are created with their maker as admin, read, changed, listed and deleted', async () => {
    const maker = await createUser();
    const created = await client.organizations.createOrganization({
      name: 'Reef Works',
      createdBy: maker.id,
    });
    expect(created).toMatchObject({ name: 'Reef Works', slug: 'reef-works', createdBy: maker.id });
    expect(created.id).toMatch(/^org_/);
    expect((await client.organizations.getOrganization({ organizationId: created.id })).name).toBe(
      'Reef Works',
    );
    const updated = await client.organizations.updateOrganization(created.id, { name: 'Reef Yard' });
    expect(updated.name).toBe('Reef Yard');
    const listed = await client.organizations.getOrganizationList({ query: 'reef yard' });
    expect(listed.data.map(({ id }) => id)).toEqual([created.id]);
    const members = await client.organizations.getOrganizationMembershipList({ organizationId: created.id });
    expect(members.data.map(({ role, publicUserData }) => [role, publicUserData?.userId])).toEqual([
      ['org:admin', maker.id],
    ]);
    await client.organizations.deleteOrganization(created.id);
    expect(await failure(client.organizations.getOrganization({ organizationId: created.id }))).toMatchObject(
      {
        status: 404,
      },
    );
  });

  it('take members, change their role and let them go', async () => {
    const [maker, member] = [await createUser(), await createUser()];
    const { id: organizationId } = await client.organizations.createOrganization({
      name: 'Crew',
      createdBy: maker.id,
    });
    const joined = await client.organizations.createOrganizationMembership({
      organizationId,
      userId: member.id,
      role: 'org:member',
    });
    expect(joined).toMatchObject({ role: 'org:member' });
    expect(joined.id).toMatch(/^orgmem_/);
    const promoted = await client.organizations.updateOrganizationMembership({
      organizationId,
      userId: member.id,
      role: 'org:admin',
    });
    expect([promoted.id, promoted.role]).toEqual([joined.id, 'org:admin']);
    await client.organizations.deleteOrganizationMembership({ organizationId, userId: member.id });
    const left = await client.organizations.getOrganizationMembershipList({ organizationId });
    expect(left.totalCount).toBe(1);
  });
});

describe('instance and keys, through the official client', () => {
  it('instance.get and jwks.getJwks', async () => {
    expect((await client.instance.get()).id).toBe(sandbox.instanceId);
    const { keys = [] } = await client.jwks.getJwks();
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ kty: 'RSA', alg: 'RS256', use: 'sig' });
  });

  it('another secret key is refused', async () => {
    const stranger = createClerkClient({ apiUrl: sandbox.url, secretKey: 'sk_test_other' });
    expect(await failure(stranger.users.getCount())).toMatchObject({
      status: 401,
      code: 'clerk_key_invalid',
    });
  });
});

describe('machine credentials, through the official client', () => {
  it('apiKeys: created, verified and revoked', async () => {
    const seeded = await client.apiKeys.verify(SEEDED_MACHINE_SECRETS.apiKey);
    expect(seeded).toMatchObject({ subject: enterprise.id, revoked: false, expired: false });
    const created = await client.apiKeys.create({ name: 'CI', subject: pro.id, scopes: ['read'] });
    expect(created.secret).toMatch(/^ak_/);
    expect(await client.apiKeys.verify(created.secret ?? '')).toMatchObject({
      id: created.id,
      scopes: ['read'],
    });
    await client.apiKeys.revoke({ apiKeyId: created.id });
    expect(await failure(client.apiKeys.verify(created.secret ?? ''))).toMatchObject({ status: 400 });
    expect(await failure(client.apiKeys.verify('ak_unknown'))).toMatchObject({ status: 404 });
  });

  it('m2m: an opaque token is verified by a call, a JWT with the keys of the instance', async () => {
    const opaque = await client.m2m.verify({ token: SEEDED_MACHINE_SECRETS.machineToken });
    expect(opaque).toMatchObject({ subject: 'mch_2sandboxWorker000000000001', revoked: false });
    const jwt = sandbox.machine.signMachineJwt('mch_2sandboxWorker000000000001', { scopes: ['mch_other'] });
    expect(await client.m2m.verify({ token: jwt })).toMatchObject({
      subject: 'mch_2sandboxWorker000000000001',
    });
    expect(await failure(client.m2m.verify({ token: 'mt_unknown' }))).toMatchObject({ status: 404 });
  });

  it('idPOAuthAccessToken: verified by a call', async () => {
    const { secret } = sandbox.machine.create('clerk_idp_oauth_access_token', {
      subject: free.id,
      scopes: ['email'],
    });
    expect(await client.idPOAuthAccessToken.verify(secret)).toMatchObject({
      subject: free.id,
      scopes: ['email'],
    });
  });
});

describe('session tokens', () => {
  it('carry the claims of version 2, live for 60 seconds, and have the session category', () => {
    const { token, sessionId } = sandbox.signIn(pro.id, {
      organizationId: SEEDED_ORGANIZATION.id,
      origin: 'https://app.example.com',
    });
    const [header, claims] = token
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    expect(header).toEqual({
      alg: 'RS256',
      cat: 'cl_B7d4PD111AAA',
      kid: expect.stringMatching(/^ins_/),
      typ: 'JWT',
    });
    expect(claims).toEqual({
      v: 2,
      iss: sandbox.issuer,
      sub: pro.id,
      sid: sessionId,
      sts: 'active',
      azp: 'https://app.example.com',
      fva: [0, -1],
      pla: 'o:free_org,u:pro',
      fea: 'o:invoices,u:priority_support',
      o: {
        id: SEEDED_ORGANIZATION.id,
        slg: SEEDED_ORGANIZATION.slug,
        rol: 'member',
        per: 'read,manage',
        fpm: '1',
      },
      iat: expect.any(Number),
      nbf: claims.iat - 10,
      exp: claims.iat + 60,
      jti: expect.stringMatching(/^[0-9a-f]{20}$/),
    });
  });

  it('give the auth object that the client makes of them the right answers', async () => {
    const { token } = sandbox.signIn(enterprise.id, { organizationId: SEEDED_ORGANIZATION.id });
    const state = await authenticate(token);
    const auth = state.toAuth();
    if (auth?.tokenType !== 'session_token' || !auth.isAuthenticated) throw new Error(String(state.reason));
    expect([auth.userId, auth.orgId, auth.orgRole]).toEqual([
      enterprise.id,
      SEEDED_ORGANIZATION.id,
      'org:admin',
    ]);
    expect(auth.has({ role: 'org:admin' })).toBe(true);
    expect(auth.has({ role: 'org:member' })).toBe(false);
    expect(auth.has({ permission: 'org:invoices:manage' })).toBe(true);
    expect(auth.has({ plan: 'user:enterprise' })).toBe(true);
    expect(auth.has({ plan: 'user:pro' })).toBe(false);
    expect(auth.has({ feature: 'user:audit_log' })).toBe(true);
    expect(auth.has({ reverification: 'strict' })).toBe(true);
  });

  it('stay good over a rotation while the previous key is kept, and end with it', async () => {
    const fresh = await ClerkSandbox.start();
    const verify = (token: string) =>
      verifyToken(token, { secretKey: fresh.secretKey, apiUrl: fresh.url, skipJwksCache: true });
    const before = fresh.signIn(free.id).token;
    fresh.rotateKeys({ keepPrevious: true });
    const after = fresh.signIn(free.id).token;
    expect((await verify(before)).sub).toBe(free.id);
    expect((await verify(after)).sub).toBe(free.id);
    fresh.rotateKeys({ keepPrevious: false });
    // The client remembers the key for five minutes: it is the list that tells.
    const answer = await fetch(`${fresh.url}/v1/jwks`, {
      headers: { authorization: `Bearer ${fresh.secretKey}` },
    });
    const kids = ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    await fresh.stop();
    const kidOf = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
    expect(kids).toHaveLength(1);
    expect(kids).not.toContain(kidOf(before));
    expect(kids).not.toContain(kidOf(after));
  });
});

describe('faults, as the official client meets them', () => {
  afterEach(() => sandbox.faults.clear());

  it.each([
    ['down', { kind: 'down' }, { status: undefined }],
    ['an error', { kind: 'status', status: 502 }, { status: 502, code: 'internal_clerk_error' }],
    [
      'a pause asked for',
      { kind: 'rate-limited', retryAfterSeconds: 9 },
      { status: 429, code: 'too_many_requests' },
    ],
  ] as const)('%s', async (_name, fault, expected) => {
    sandbox.faults.add({ ...fault, times: 1 });
    expect(await failure(client.users.getUser(free.id))).toMatchObject(expected);
    expect((await client.users.getUser(free.id)).id).toBe(free.id);
  });

  it('a pause asked for carries its seconds', async () => {
    sandbox.faults.add({ kind: 'rate-limited', retryAfterSeconds: 9, times: 1 });
    await expect(client.users.getUser(free.id)).rejects.toMatchObject({ retryAfter: 9 });
  });

  it('HTML comes through the client as text: what the library has to catch', async () => {
    sandbox.faults.add({ kind: 'html', times: 1 });
    expect(typeof (await client.users.getUser(free.id))).toBe('string');
  });

  it('JSON of another shape comes through as it is', async () => {
    const response = await fetch(`${sandbox.url}/sandbox/faults`, {
      method: 'PUT',
      body: JSON.stringify({ kind: 'json', body: { keys: 'x' }, times: 1 }),
    });
    expect(response.status).toBe(200);
    expect(await client.jwks.getJwks()).toEqual({ keys: 'x' });
    sandbox.faults.add({ kind: 'json', body: [], status: 502, times: 1 });
    expect(await failure(client.jwks.getJwks())).toMatchObject({ status: 502 });
    expect((await client.jwks.getJwks()).keys).toHaveLength(1);
  });

  it('slow answers late, and only on the paths that are named', async () => {
    sandbox.faults.add({ kind: 'slow', delayMs: 1_500, pathPrefix: '/v1/users' });
    const startedAt = Date.now();
    await client.instance.get();
    expect(Date.now() - startedAt).toBeLessThan(1_400);
    await client.users.getUser(free.id);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_500);
  });
});

function authenticate(token: string) {
  const request = new Request('http://127.0.0.1/', { headers: { authorization: `Bearer ${token}` } });
  return client.authenticateRequest(request, { jwtKey: sandbox.jwtKey });
}
