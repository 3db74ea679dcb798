import { request } from 'node:http';

import { ClerkSandbox, SEEDED_ORGANIZATION, SEEDED_USERS } from './index.js';

const sandboxes: ClerkSandbox[] = [];

afterEach(async () => {
  for (const sandbox of sandboxes.splice(0)) await sandbox.stop();
});

async function start(options: Parameters<typeof ClerkSandbox.start>[0] = {}) {
  const sandbox = await ClerkSandbox.start(options);
  sandboxes.push(sandbox);
  return sandbox;
}

describe('the sandbox', () => {
  it('does not start in production, whoever starts it', async () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      await expect(ClerkSandbox.start()).rejects.toThrow(/NODE_ENV=production/);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });

  it('listens on loopback, and answers to loopback names only', async () => {
    const { url } = await start();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const status = await new Promise((resolve, reject) => {
      const { port } = new URL(url);
      request({ host: '127.0.0.1', port, path: '/sandbox', headers: { host: 'evil.example' } }, (res) =>
        resolve(res.statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  it('answers with exactly the content type that the official client parses', async () => {
    const { url, secretKey } = await start();
    const headers = { authorization: `Bearer ${secretKey}` };
    for (const path of ['/v1/jwks', '/v1/users', '/v1/users/user_nobody']) {
      expect((await fetch(url + path, { headers })).headers.get('content-type')).toBe('application/json');
    }
  });

  it('says what is wrong with a request in the form of Clerk', async () => {
    const { url, secretKey } = await start();
    const headers = { authorization: `Bearer ${secretKey}` };
    const bad = await fetch(`${url}/v1/users`, { method: 'POST', headers, body: '{' });
    expect([bad.status, await bad.json()]).toEqual([
      400,
      {
        errors: [
          {
            code: 'request_body_invalid',
            message: expect.any(String),
            long_message: expect.any(String),
            meta: {},
          },
        ],
        clerk_trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
    const large = await fetch(`${url}/v1/users`, { method: 'POST', headers, body: 'x'.repeat(1_048_577) });
    expect(large.status).toBe(413);
    expect((await fetch(`${url}/v1/nowhere`, { headers })).status).toBe(404);
  });

  it('refuses a port that is taken', async () => {
    const { url } = await start();
    await expect(ClerkSandbox.start({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  it('stops once or twice', async () => {
    const sandbox = await start();
    await sandbox.stop();
    await sandbox.stop();
    await expect(fetch(sandbox.url)).rejects.toThrow('fetch failed');
  });

  it('sends the webhook of every change, in the envelope of Clerk', async () => {
    const sandbox = await start({ seed: false });
    const since = Date.now();
    const types = () =>
      sandbox.webhooks
        .messages()
        .toReversed()
        .map(({ type }) => type);
    const user = sandbox.users.create({ email_address: ['who@example.com'] });
    const organization = sandbox.organizations.create({ name: 'Crew', created_by: user.id });
    const { sessionId } = sandbox.signIn(user.id);
    sandbox.users.update(user.id, { first_name: 'Who' });
    sandbox.sessions.end(sessionId);
    sandbox.subscriptions.setPlan(user.id, { plan: 'pro' });
    sandbox.organizations.delete(organization.id);
    sandbox.users.delete(user.id);
    expect(types()).toEqual([
      'user.created',
      'organization.created',
      'organizationMembership.created',
      'session.created',
      'user.updated',
      'session.ended',
      'subscription.updated',
      'subscriptionItem.active',
      'organizationMembership.deleted',
      'organization.deleted',
      'user.deleted',
    ]);
    const [last] = sandbox.webhooks.messages();
    const envelope = JSON.parse(last?.body ?? '');
    expect(envelope).toEqual({
      data: { object: 'user', id: user.id, deleted: true },
      event_attributes: { http_request: { client_ip: '127.0.0.1', user_agent: 'clerk-sandbox' } },
      instance_id: sandbox.instanceId,
      object: 'event',
      timestamp: expect.any(Number),
      type: 'user.deleted',
    });
    expect(envelope.timestamp).toBeGreaterThanOrEqual(since);
  });

  it('signs people in over HTTP, without a key, for somebody with curl', async () => {
    const { url, jwtKey } = await start();
    const signIn = (body: object) =>
      fetch(`${url}/sandbox/sign-in`, { method: 'POST', body: JSON.stringify(body) });
    const answer = await signIn({ email: SEEDED_USERS.free.email });
    expect(await answer.json()).toMatchObject({
      user_id: SEEDED_USERS.free.id,
      session_id: expect.stringMatching(/^sess_/),
      token: expect.stringMatching(/^ey/),
    });
    expect(jwtKey).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    expect((await signIn({ user_id: 'user_nobody' })).status).toBe(404);
    expect((await signIn({})).status).toBe(422);
  });

  it('has a user on each tier, and an organisation with an admin and a member', async () => {
    const sandbox = await start();
    expect(Object.values(SEEDED_USERS).map(({ id }) => sandbox.subscriptions.planOf(id))).toEqual([
      'free_user',
      'pro',
      'enterprise',
    ]);
    expect(sandbox.organizations.get(SEEDED_ORGANIZATION.id).name).toBe(SEEDED_ORGANIZATION.name);
    expect(
      sandbox.organizations
        .membershipsOf(SEEDED_ORGANIZATION.id)
        .map(({ role }) => role)
        .toSorted(),
    ).toEqual(['org:admin', 'org:member']);
  });
});
