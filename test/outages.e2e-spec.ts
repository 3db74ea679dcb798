import { randomUUID } from 'node:crypto';

import { Client } from 'pg';
import { createSigningKey, SEEDED_USERS, signatureHeaders } from 'clerk-sandbox';

import { ChatMessages } from '../apps/api/src/chat/chat-messages.js';
import { isDatabaseOutage } from '../apps/api/src/database/database-outage.js';
import { backends, createTestDatabase } from './support/database.js';
import { startTestService, type TestService, until } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { waited } from './support/waited.js';

const { free } = SEEDED_USERS;
const JWKS = 'GET /v1/jwks';

async function withService(
  work: (service: TestService) => Promise<void>,
  overrides: Parameters<typeof startTestService>[0] = {},
): Promise<void> {
  const service = await startTestService(overrides);
  try {
    await work(service);
  } finally {
    await service.stop();
  }
}

const me = (service: TestService, token: string) => service.call('/api/users/me', { token });

describe('while Clerk does not answer', () => {
  it.each([
    ['down', { kind: 'down' }, 'CLERK_UNAVAILABLE', '5'],
    ['silent', { kind: 'hung' }, 'CLERK_UNAVAILABLE', '5'],
    ['failing', { kind: 'status', status: 500 }, 'CLERK_UNAVAILABLE', '5'],
    ['behind a proxy that sends HTML', { kind: 'html' }, 'CLERK_UNAVAILABLE', '5'],
    ['asking for a pause', { kind: 'rate-limited', retryAfterSeconds: 7 }, 'CLERK_RATE_LIMITED', '7'],
  ] as const)(
    'and no key is known yet, a token gets 503 and never 401: %s',
    async (_name, fault, code, retryAfter) => {
      await withService(async (service) => {
        const { token } = service.clerk.signIn(free.id);
        service.clerk.faults.add(fault);
        const answers = await Promise.all(Array.from({ length: 20 }, () => me(service, token)));
        for (const answer of answers) {
          expect([answer.status, answer.body.code]).toEqual([503, code]);
          expect(answer.headers.get('retry-after')).toBe(retryAfter);
          expect(answer.text).not.toMatch(/secret|jwks/i);
        }
        expect(service.clerk.requestCounts.get(JWKS)).toBe(1);
        service.clerk.faults.clear();
        await until(
          () => me(service, token),
          ({ status }) => status === 200,
        );
      });
    },
  );

  it('tokens verify on with the keys in hand, new ones too', async () => {
    await withService(async (service) => {
      expect((await me(service, service.clerk.signIn(free.id).token)).status).toBe(200);
      service.clerk.faults.add({ kind: 'down' });
      expect((await me(service, service.clerk.signIn(free.id).token)).status).toBe(200);
      expect(service.clerk.requestCounts.get(JWKS)).toBe(1);
    });
  }, 90_000);

  it('what needs Clerk itself gets 503', async () => {
    await withService(async (service) => {
      const { token } = service.clerk.signIn(free.id);
      expect((await me(service, token)).status).toBe(200);
      service.clerk.faults.add({ kind: 'status', status: 502 });
      const sync = await service.call('/api/users/sync', { method: 'POST', token });
      expect([sync.status, sync.body.code]).toEqual([503, 'CLERK_UNAVAILABLE']);
      const machine = await service.call(`/api/users/by-clerk/${free.id}`, {
        token: 'mt_unknown_0123456789',
      });
      expect([machine.status, machine.body.code]).toEqual([503, 'CLERK_UNAVAILABLE']);
    });
  }, 90_000);
});

describe('the keys of Clerk', () => {
  it('are asked for once by a thousand first requests, and once more by a hundred forged key ids', async () => {
    await withService(async (service) => {
      const { token } = service.clerk.signIn(free.id);
      // Verified, then refused for what it asks: a thousand that need the database wait for ten connections, which has its own limit.
      const ask = () => service.call('/api/users/by-clerk/%27%3B--', { token });
      const first = await Promise.all(Array.from({ length: 1_000 }, ask));
      expect(new Set(first.map(({ status }) => status))).toEqual(new Set([400]));
      expect(service.clerk.requestCounts.get(JWKS)).toBe(1);

      const key = createSigningKey();
      const forged = Array.from({ length: 100 }, (_, index) =>
        service.clerk.signIn(free.id, { key, header: { kid: `forged_${index}` } }),
      );
      for (const attempt of forged) {
        const answer = await me(service, attempt.token);
        expect([answer.status, answer.body.code]).toEqual([401, 'TOKEN_KEY_UNKNOWN']);
      }
      expect(service.clerk.requestCounts.get(JWKS)).toBe(2);
    });
  }, 90_000);

  it('are followed when Clerk changes them', async () => {
    await withService(async (service) => {
      expect((await me(service, service.clerk.signIn(free.id).token)).status).toBe(200);
      service.clerk.rotateKeys({ keepPrevious: true });
      expect((await me(service, service.clerk.signIn(free.id).token)).status).toBe(200);
      expect(service.clerk.requestCounts.get(JWKS)).toBe(2);
    });
  }, 90_000);
});

describe('without Redis', () => {
  it('everything is answered, and readiness says degraded', async () => {
    await withService(
      async (service) => {
        const health = await service.call('/health/ready');
        expect([health.status, health.body]).toEqual([
          200,
          { status: 'degraded', checks: { database: 'up', redis: 'down', webhooks: 'up' } },
        ]);
        expect((await me(service, service.clerk.signIn(free.id).token)).status).toBe(200);
      },
      { redisUrls: ['redis://127.0.0.1:1'] },
    );
  }, 90_000);
});

const onPostgres = backends === 'services' ? describe : undefined;

// Not on the embedded database: it is in this process and cannot be cut off.
onPostgres?.('while the database does not answer', () => {
  let proxy: TcpProxy;
  let service: TestService;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;

  beforeAll(async () => {
    database = await createTestDatabase();
    const url = new URL(database.options.kind === 'postgres' ? database.options.url : '');
    proxy = await TcpProxy.to(Number(url.port || 5432), url.hostname);
    url.port = String(proxy.port);
    service = await startTestService({ database: { kind: 'postgres', url: url.href } });
  }, 90_000);

  afterAll(async () => {
    await service.stop();
    await proxy.close();
    await database.drop();
  });

  function webhook(id: string) {
    const data = { id: `user_${id}`, updated_at: 1_800_000_000_000, email_addresses: [] };
    const body = JSON.stringify({ type: 'user.created', data, timestamp: 1_800_000_000_000 });
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const headers = signatureHeaders({ id, timestampSeconds, body }, service.clerk.webhookSecret);
    return service.call('/webhooks/clerk', { body, headers });
  }

  it('a statement that waits for a lock until it is stopped is 503 as well', async () => {
    const { token } = service.clerk.signIn(free.id);
    const locker = new Client({
      connectionString: database.options.kind === 'postgres' ? database.options.url : '',
    });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE chat_messages');
    const answer = await service.call('/api/v1/chat', { token, body: { message: 'Hi' } });
    await locker.query('ROLLBACK');
    await locker.end();
    expect([answer.status, answer.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
  });

  it.each([
    ['down', () => proxy.cut()],
    ['silent', () => Promise.resolve(proxy.swallow())],
  ])('everything that needs it says 503 within 5 s, and works again afterwards: %s', async (name, fail) => {
    const { token } = service.clerk.signIn(free.id);
    expect((await me(service, token)).status).toBe(200);
    await fail();
    const { answer, waitedMs } = await waited(() =>
      Promise.all([
        me(service, token),
        webhook(`msg_${name}`),
        service.call('/api/v1/chat', { token, body: { message: 'Hi' } }),
        service.call('/health/ready'),
        service.call('/health/live'),
      ]),
    );
    expect(waitedMs).toBeLessThan(5_000);
    const [user, received, chat, ready, live] = answer;
    for (const refused of [user, received, chat]) {
      expect([refused.status, refused.body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
      expect(refused.headers.get('retry-after')).toBe('5');
    }
    expect([ready.status, ready.body.status, live.status]).toEqual([503, 'unready', 200]);
    const history = await new ChatMessages(service.prisma)
      .recent({ userId: free.id, conversationId: randomUUID() })
      .catch((error: unknown) => error);
    expect({ history, isOutage: isDatabaseOutage(history) }).toMatchObject({ isOutage: true });

    await proxy.restore();
    await until(
      () => webhook(`msg_${name}`),
      ({ status }) => status === 204,
    );
    await until(
      () => service.prisma.user.count({ where: { clerkId: `user_msg_${name}` } }),
      (rows) => rows === 1,
    );
    expect((await me(service, token)).status).toBe(200);
  });
});
