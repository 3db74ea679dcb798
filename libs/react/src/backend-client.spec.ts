import { BackendClient, type GetToken } from './backend-client.js';
import { json, ownUser, problem, silence, TestBackend } from '../test/test-backend.js';
import { tokenOf } from '../test/test-clerk.js';

const ROUTE = 'GET /api/users/me';

let backend: TestBackend;
let asked: unknown[];

beforeEach(async () => {
  asked = [];
  backend = await new TestBackend().start();
});
afterEach(() => backend.stop());

const tokens =
  (...given: (string | null)[]): GetToken =>
  async (options) => {
    asked.push(options?.skipCache ?? false);
    return given[asked.length - 1] ?? null;
  };

function send(
  getToken: GetToken,
  { timeoutMs = 5_000, signal = new AbortController().signal, baseUrl = backend.url } = {},
) {
  const client = new BackendClient({ baseUrl, userId: 'user_a', getToken });
  return client.send(
    { method: 'GET', path: '/api/users/me', accept: 'application/json', timeoutMs, signal },
    (response) => response.text(),
  );
}

const cached = tokenOf('user_a', 'cached');
const fresh = tokenOf('user_a', 'fresh');

describe('a request to the service', () => {
  it('carries the token, and no cookie', async () => {
    backend.on(ROUTE, json({ fine: true }));
    await expect(send(tokens(cached))).resolves.toBe('{"fine":true}');
    expect(backend.requests[0]).toMatchObject({ token: cached, headers: { accept: 'application/json' } });
    expect(backend.requests[0]?.headers.cookie).toBeUndefined();
  });

  it('goes out once more with a fresh token after 401', async () => {
    backend.on(ROUTE, problem(401, 'TOKEN_EXPIRED'), json({}));
    await expect(send(tokens(cached, fresh))).resolves.toBe('{}');
    expect(asked).toEqual([false, true]);
    expect(backend.requests.map(({ token }) => token)).toEqual([cached, fresh]);
  });

  it('goes out no third time', async () => {
    backend.on(ROUTE, problem(401, 'SESSION_REVOKED'));
    await expect(send(tokens(cached, fresh, fresh))).rejects.toMatchObject({
      code: 'SESSION_REVOKED',
      status: 401,
    });
    expect(backend.requests).toHaveLength(2);
  });

  it.each<[string, (string | null)[], number]>([
    ['when there is none', [null], 0],
    ['of another user', [tokenOf('user_b')], 0],
    ['of another user, who signed in after the 401', [cached, tokenOf('user_b')], 1],
    ['that cannot be read', ['nonsense'], 0],
  ])('never carries a token %s', async (_name, given, requests) => {
    backend.on(ROUTE, problem(401, 'TOKEN_EXPIRED'));
    await expect(send(tokens(...given))).rejects.toMatchObject({ code: 'SIGNED_OUT', status: null });
    expect(backend.requests).toHaveLength(requests);
  });

  it('does not follow a redirect with its token', async () => {
    backend.on(ROUTE, (res) => res.writeHead(307, { location: '/elsewhere' }).end());
    await expect(send(tokens(cached))).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
    expect(backend.routes()).toEqual([ROUTE]);
  });
});

describe('an answer that is none', () => {
  it.each<[string, Parameters<TestBackend['on']>[1], object]>([
    [
      'a problem',
      problem(429, 'RATE_LIMITED', { 'retry-after': '7' }),
      { code: 'RATE_LIMITED', status: 429, retryAfterSeconds: 7 },
    ],
    [
      'an outage',
      problem(503, 'DATABASE_UNAVAILABLE'),
      { code: 'DATABASE_UNAVAILABLE', status: 503, retryAfterSeconds: null },
    ],
    [
      "a proxy's page",
      (res) => res.writeHead(502, { 'content-type': 'text/html' }).end('<p>'),
      { code: 'ANSWER_MALFORMED', status: 502 },
    ],
    [
      'a problem that is no JSON',
      (res) => res.writeHead(500, { 'content-type': 'application/problem+json' }).end('{'),
      { code: 'ANSWER_MALFORMED', status: 500 },
    ],
    ['a connection that ends', (res) => res.destroy(), { code: 'NETWORK_FAILED', status: null }],
    [
      'a connection that ends in the answer',
      (res) => res.writeHead(200, { 'content-length': '9' }).write('half', () => res.destroy()),
      { code: 'NETWORK_FAILED', status: null },
    ],
  ])('is an error with its code: %s', async (_name, answer, error) => {
    backend.on(ROUTE, answer);
    await expect(send(tokens(cached))).rejects.toMatchObject({ name: 'BackendError', ...error });
  });

  it('is an error when it does not come in time', async () => {
    backend.on(ROUTE, silence);
    await expect(send(tokens(cached), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
      status: null,
    });
  });

  it('is an error when Clerk gives no token in time', async () => {
    await expect(send(() => new Promise(() => {}), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
    });
  });

  it('is an error when nothing listens there', async () => {
    await backend.stop();
    const refused = send(tokens(cached));
    await expect(refused).rejects.toMatchObject({ code: 'NETWORK_FAILED' });
    backend = await new TestBackend().start();
  });

  it('ends with the reason when it is given up, before and while it is sent', async () => {
    backend.on(ROUTE, silence, ownUser);
    const abort = new AbortController();
    const sent = send(tokens(cached), { signal: abort.signal });
    await new Promise<void>((resolve) => {
      const look = () => (backend.requests.length > 0 ? resolve() : void setImmediate(look));
      look();
    });
    abort.abort();
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' });
    await expect(send(tokens(cached), { signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(backend.requests).toHaveLength(1);
  });
});
