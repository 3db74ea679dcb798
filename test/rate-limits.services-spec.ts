import { SEEDED_USERS } from 'clerk-sandbox';

import { readEnvironment } from '../apps/api/src/config/environment.js';
import { hasRedisServer, RedisServer } from './support/redis-server.js';
import { RATE_LIMIT_ANSWER_MS, startTestService, type TestService, until } from './support/service.js';

const { free } = SEEDED_USERS;

// What is lost here is not the shared one. That it is not installed is said by what is imported.
let redis: RedisServer;
const running: TestService[] = [];

beforeAll(async () => {
  if (hasRedisServer) redis = await RedisServer.start();
});

beforeEach(async () => {
  if (hasRedisServer) await redis.ask((connection) => connection.flushall());
});

afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
});

afterAll(() => redis?.kill());

/** A process of its own as far as limits go: it shares nothing with another but Redis. The seeded users have the same ids everywhere. */
async function startLimited(variables: Record<string, string> = {}): Promise<TestService> {
  const { rateLimits } = readEnvironment({ RATE_LIMIT_ANSWER_MS, ...variables });
  const service = await startTestService({ rateLimits, redisUrls: [redis.url] });
  running.push(service);
  return service;
}

function ask(service: TestService, plan = 'u:free_user') {
  const { token } = service.clerk.signIn(free.id, { claims: { pla: plan } });
  return service.call('/api/users/me', { token });
}

const fields = async (service: TestService, plan?: string) => {
  const { status, headers } = await ask(service, plan);
  return [status, headers.get('ratelimit')?.replaceAll(/;t=\d+/g, '')];
};

(hasRedisServer ? describe : describe.skip)('budgets in Redis', () => {
  it("hold across a restart: FREE's minute and hour go on where they were, and so does what PRO has spent", async () => {
    const first = await startLimited();
    for (let spent = 1; spent <= 8; spent += 1) expect((await ask(first)).status).toBe(200);
    await first.stop();
    running.length = 0;

    const second = await startLimited();
    expect(await fields(second)).toEqual([200, '"minute";r=1, "hour";r=991']);
    expect(await fields(second)).toEqual([200, '"minute";r=0, "hour";r=990']);
    expect(await fields(second)).toEqual([429, '"minute";r=0, "hour";r=990']);
    expect(await fields(second, 'u:pro')).toEqual([200, '"minute";r=89']);
    expect((await ask(second)).status).toBe(429);
  });

  it('lost: each process counts for itself, /health/ready says degraded, and nobody waits or is let through uncounted', async () => {
    const service = await startLimited({ RATE_LIMIT_FREE: '40/min', RATE_LIMIT_INSTANCES: '4' });
    const ready = () => service.call('/health/ready');
    expect((await ready()).body).toMatchObject({
      status: 'ready',
      checks: { redis: 'up' },
    });
    await redis.kill();
    const statuses: number[] = [];
    const startedAtMs = Date.now();
    for (let sent = 0; sent < 12; sent += 1) statuses.push((await ask(service)).status);
    // A busy machine takes its time; a request that waits for Redis to come back would take for ever.
    expect(Date.now() - startedAtMs).toBeLessThan(10_000);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2);
    const degraded = await ready();
    expect([degraded.status, degraded.body]).toEqual([
      200,
      { status: 'degraded', checks: { database: 'up', redis: 'down', webhooks: 'up' } },
    ]);
    expect((await service.call('/metrics')).text).toMatch(/^rate_limit_breaker_open 1$/m);

    await redis.start();
    const { body } = await until(ready, ({ body }) => body.status === 'ready');
    expect(body.checks).toEqual({ database: 'up', redis: 'up', webhooks: 'up' });
    expect(await fields(service)).toEqual([200, '"minute";r=39']);
    const { text } = await service.call('/metrics');
    expect(text).toMatch(/^rate_limit_breaker_open 0$/m);
    expect(text).toMatch(/^rate_limit_redis_seconds_count [1-9]\d*$/m);
  });

  it('that answer nothing are waited for as long as RATE_LIMIT_ANSWER_MS says, once', async () => {
    const service = await startLimited({ RATE_LIMIT_ANSWER_MS: '400' });
    expect((await ask(service)).status).toBe(200);
    redis.pause();
    try {
      const startedAt = performance.now();
      expect((await ask(service)).status).toBe(200);
      const firstMs = performance.now() - startedAt;
      expect(firstMs).toBeGreaterThanOrEqual(399);
      // After 2 s without a word the connection itself is given up.
      expect(firstMs).toBeLessThan(1_800);
      expect((await service.call('/metrics')).text).toMatch(/^rate_limit_breaker_open 1$/m);
    } finally {
      redis.resume();
    }
  });

  it('emptied by an operator are new ones for whoever was blocked, 2 s later at most', async () => {
    const service = await startLimited();
    for (let spent = 0; spent < 10; spent += 1) expect((await ask(service)).status).toBe(200);
    expect((await ask(service)).status).toBe(429);
    await redis.ask((connection) => connection.flushall());
    const answer = await until(
      () => ask(service),
      ({ status }) => status === 200,
    );
    expect(answer.headers.get('ratelimit')).toMatch(/^"minute";r=9;t=60, "hour";r=999;/);
  });

  it('keep an address for as long as its own windows count, and whoever is named apart from it', async () => {
    const service = await startLimited();
    await ask(service);
    await service.call(`/certificates/${'0'.repeat(32)}`);
    await service.call('/api/users/me', { token: 'garbage' });
    const lifeMs = (key: string) => redis.ask((connection) => connection.pttl(key));
    for (const key of ['limit:{ip:127.0.0.1}', 'limit:{failures:ip:127.0.0.1}']) {
      const ms = await lifeMs(key);
      expect([key, ms > 50_000 && ms <= 66_000]).toEqual([key, true]);
    }
    expect(await lifeMs(`limit:{caller:${free.id}}`)).toBeGreaterThan(3_500_000);
  });

  it('that answer but take no writes are no budgets: degraded, and each process counts for itself', async () => {
    const service = await startLimited({ RATE_LIMIT_FREE: '4/min', RATE_LIMIT_INSTANCES: '2' });
    const takeWrites = (replicas: string) =>
      redis.ask((connection) => connection.config('SET', 'min-replicas-to-write', replicas));
    await takeWrites('1');
    const statuses: number[] = [];
    for (let sent = 0; sent < 3; sent += 1) statuses.push((await ask(service)).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await service.call('/health/ready')).body).toMatchObject({
      status: 'degraded',
      checks: { redis: 'down' },
    });
    await takeWrites('0');
    await until(
      () => service.call('/health/ready'),
      ({ body }) => body.status === 'ready',
    );
  });
});
