import { ClerkSandbox, SEEDED_MACHINE_SECRETS, SEEDED_USERS } from 'clerk-sandbox';

import { ClerkError } from '../clerk-error.js';
import { ClerkBackend } from './clerk-backend.js';

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
    ['refusing the key', { kind: 'status', status: 401 }, 'CLERK_SECRET_KEY_REJECTED'],
    ['refusing the arguments', { kind: 'status', status: 422 }, 'CLERK_REQUEST_INVALID'],
  ] as const)('that is %s has a code of its own', async (_name, fault, code) => {
    sandbox.faults.add(fault);
    const startedAt = Date.now();
    expect((await failure(backend({ requestTimeoutMs: 200 }).getUser(free.id))).code).toBe(code);
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

  it('says so when an id or the secret key is missing', async () => {
    expect((await failure(backend().getUser(''))).code).toBe('CLERK_REQUEST_INVALID');
    expect((await failure(backend({ secretKey: null }).getUser(free.id))).code).toBe(
      'CLERK_SECRET_KEY_REJECTED',
    );
  });
});
