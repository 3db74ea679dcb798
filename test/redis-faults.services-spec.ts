import { randomUUID } from 'node:crypto';

import { Logger } from '@nestjs/common';
import { ClerkSandbox, SEEDED_USERS } from 'clerk-sandbox';
import { Redis } from 'ioredis';

import { RedisRevocationFeed } from '../libs/clerk/src/auth/redis-revocation-feed.js';
import { Revocations } from '../libs/clerk/src/auth/revocations.js';
import { closeAll, connectRedis, type GuardedApp, startGuardedApp } from './support/guarded-app.js';
import { hasRedisServer, type LosableRedis, RedisServer, startLosableRedis } from './support/redis-server.js';
import { startTestService, type TestAnswer, until } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

const closing: (() => unknown)[] = [];
const sharedUrl = () => new URL(process.env['TEST_REDIS_URL'] ?? '');
let sandbox: ClerkSandbox;

beforeAll(async () => {
  Logger.overrideLogger(false);
  sandbox = await ClerkSandbox.start();
  closing.push(() => sandbox.stop());
});

afterAll(() => closeAll(closing));

interface Instance extends GuardedApp {
  readonly redis: Redis;
}

/** One of several that share a Redis. It is not waited for: it may be away. */
async function startInstance(port: number, database = 0): Promise<Instance> {
  const redis = connectRedis(`redis://127.0.0.1:${port}/${database}`);
  closing.push(() => redis.disconnect());
  const app = await startGuardedApp(sandbox, { redis });
  closing.push(() => app.stop());
  return { ...app, redis };
}

async function startProxy(port?: number): Promise<TcpProxy> {
  const { port: sharedPort, hostname } = sharedUrl();
  const proxy = await TcpProxy.to(
    port ?? Number(sharedPort || 6379),
    port === undefined ? hostname : '127.0.0.1',
  );
  closing.push(() => proxy.close());
  return proxy;
}

async function startLosable(): Promise<LosableRedis> {
  const store = await startLosableRedis();
  closing.push(() => store.stop());
  return store;
}

const signIn = () => sandbox.signIn(SEEDED_USERS.free.id, { expiresInSeconds: 600 });
type SignedIn = ReturnType<typeof signIn>;

const callsToClerk = (path: string) => sandbox.requestCounts.get(path) ?? 0;
const codeOf = ({ status, body }: TestAnswer): unknown => (status === 200 ? 200 : body.code);

/** The codes that one token gets on each of the instances, 200 where it is let through. */
async function codesOn(instances: readonly Instance[], { token }: SignedIn): Promise<unknown[]> {
  return (await Promise.all(instances.map((instance) => instance.get(token)))).map(codeOf);
}

/** Waits until the instance refuses the session, and gives how long that took, milliseconds. */
async function refusedAfterMs(instance: Instance, { token }: SignedIn): Promise<number> {
  const startedAt = performance.now();
  const refused = await until(
    () => instance.get(token),
    ({ status }) => status !== 200,
  );
  expect([refused.status, refused.body.code]).toEqual([401, 'SESSION_REVOKED']);
  expect(refused.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  return performance.now() - startedAt;
}

describe('while Redis is well', () => {
  it('nothing on the way of a request with a session token asks it', async () => {
    const proxy = await startProxy();
    const instance = await startInstance(proxy.port);
    expect(codeOf(await instance.get(signIn().token))).toBe(200);
    const before = { bytes: proxy.receivedBytes, jwks: callsToClerk('GET /v1/jwks') };
    const tokens = Array.from({ length: 100 }, () => signIn().token);
    expect(new Set((await instance.getAll(tokens)).map(codeOf))).toEqual(new Set([200]));
    expect({ bytes: proxy.receivedBytes, jwks: callsToClerk('GET /v1/jwks') }).toEqual(before);
  });
});

describe('while Redis is down', () => {
  it.each([
    ['refusing connections', (proxy: TcpProxy) => proxy.cut()],
    ['swallowing everything', (proxy: TcpProxy) => Promise.resolve(proxy.swallow())],
  ])(
    'tokens verify on, the known stays refused, and the new is known everywhere within a second of its return: %s',
    async (_name, fail) => {
      const proxy = await startProxy();
      const [a, b] = [await startInstance(proxy.port), await startInstance(proxy.port)];
      const [known, made, other] = [signIn(), signIn(), signIn()];
      await a.clerk.revokeSession(known.sessionId);
      expect(await refusedAfterMs(b, known)).toBeLessThan(1_000);

      await fail(proxy);
      const revoking = a.clerk.revokeSession(made.sessionId);
      expect(await refusedAfterMs(a, made)).toBeLessThan(950);
      await revoking;
      expect(await codesOn([a, b], known)).toEqual(['SESSION_REVOKED', 'SESSION_REVOKED']);
      expect(await codesOn([a, b], made)).toEqual(['SESSION_REVOKED', 200]);
      expect(await codesOn([a, b], other)).toEqual([200, 200]);

      // The cache is away as well: each instance asks Clerk, once, in a bounded time.
      const path = `sessions/${other.sessionId}`;
      const startedAt = performance.now();
      const sessions = [await a.get(undefined, path), await b.get(undefined, path)];
      expect(sessions.map(({ status, body }) => [status, body.outcome])).toEqual([
        [200, 'active'],
        [200, 'active'],
      ]);
      expect(performance.now() - startedAt).toBeLessThan(2 * 5_000);
      expect(callsToClerk(`GET /v1/${path}`)).toBe(2);

      await proxy.restore();
      expect(await refusedAfterMs(b, made)).toBeLessThan(1_000);
      expect(await codesOn([a, b], other)).toEqual([200, 200]);
    },
  );

  it.each([
    ['refusing connections', (proxy: TcpProxy) => proxy.cut()],
    ['swallowing everything', (proxy: TcpProxy) => Promise.resolve(proxy.swallow())],
  ])(
    'an instance starts all the same, and learns what others have revoked within a second of its return: %s',
    async (_name, fail) => {
      const proxy = await startProxy();
      const a = await startInstance(Number(sharedUrl().port || 6379));
      const revoked = signIn();
      await a.clerk.revokeSession(revoked.sessionId);

      await fail(proxy);
      const startedAt = performance.now();
      const late = await startInstance(proxy.port);
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      expect(codeOf(await late.get(signIn().token))).toBe(200);
      // Nobody could tell it.
      expect(codeOf(await late.get(revoked.token))).toBe(200);
      await proxy.restore();
      expect(await refusedAfterMs(late, revoked)).toBeLessThan(1_000);
    },
  );

  it('the whole service starts, answers, and says that it is degraded until Redis is back', async () => {
    const proxy = await startProxy();
    proxy.swallow();
    const startedAt = performance.now();
    const service = await startTestService({ redisUrls: [`redis://127.0.0.1:${proxy.port}`] });
    closing.push(() => service.stop());
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    const degraded = await service.call('/health/ready');
    expect([degraded.status, degraded.body]).toEqual([
      200,
      { status: 'degraded', checks: { database: 'up', redis: 'down', webhooks: 'up' } },
    ]);
    const { token } = service.clerk.signIn(SEEDED_USERS.free.id);
    expect((await service.call('/api/users/me', { token })).status).toBe(200);
    await proxy.restore();
    const ready = await until(
      () => service.call('/health/ready'),
      ({ body }) => body.status === 'ready',
    );
    expect([ready.status, ready.body.checks]).toEqual([200, { database: 'up', redis: 'up', webhooks: 'up' }]);
  }, 90_000);
});

describe('while Redis is slow', () => {
  it('no request with a session token waits for it, sessions are validated in a bounded time, and news arrive late', async () => {
    const proxy = await startProxy();
    const [a, b] = [await startInstance(proxy.port), await startInstance(proxy.port)];
    const [known, made, other] = [signIn(), signIn(), signIn()];
    await a.clerk.revokeSession(known.sessionId);
    await refusedAfterMs(b, known);
    expect(codeOf(await b.get(other.token))).toBe(200);

    proxy.delayMs = 3_000;
    for (let request = 0; request < 20; request += 1) {
      const startedAt = performance.now();
      expect(codeOf(await b.get(signIn().token))).toBe(200);
      expect(codeOf(await b.get(known.token))).toBe('SESSION_REVOKED');
      expect(performance.now() - startedAt).toBeLessThan(950);
    }
    const startedAt = performance.now();
    const session = await b.get(undefined, `sessions/${other.sessionId}`);
    expect([session.status, session.body.outcome]).toEqual([200, 'active']);
    expect(performance.now() - startedAt).toBeLessThan(5_000);

    const revoking = a.clerk.revokeSession(made.sessionId);
    expect(await refusedAfterMs(a, made)).toBeLessThan(950);
    expect(await refusedAfterMs(b, made)).toBeLessThan(8_000);
    await revoking;
    await proxy.restore();
  });
});

describe('when Redis has lost what it was told', () => {
  it('restarted empty: every instance keeps what it knows, and one that starts afterwards learns it', async () => {
    const store = await startLosable();
    const proxy = await startProxy(store.port);
    const start = () => startInstance(proxy.port, store.database);
    const [a, b] = [await start(), await start()];
    const [first, second, other] = [signIn(), signIn(), signIn()];
    await a.clerk.revokeSession(first.sessionId);
    await b.clerk.revokeSession(second.sessionId);
    await refusedAfterMs(b, first);
    await refusedAfterMs(a, second);

    await proxy.cut();
    await store.restart();
    expect(await codesOn([a, b], first)).toEqual(['SESSION_REVOKED', 'SESSION_REVOKED']);
    await proxy.restore();
    const fresh = await start();
    expect(await refusedAfterMs(fresh, first)).toBeLessThan(1_000);
    expect(await refusedAfterMs(fresh, second)).toBeLessThan(1_000);
    expect(await codesOn([a, b, fresh], first)).toEqual(Array(3).fill('SESSION_REVOKED'));
    expect(await codesOn([a, b, fresh], second)).toEqual(Array(3).fill('SESSION_REVOKED'));
    expect(await codesOn([a, b, fresh], other)).toEqual([200, 200, 200]);
  });

  it('failed over to a replica without the last writes: one that knows them tells those that do not, and later ones', async () => {
    const store = await startLosable();
    const [proxyA, proxyB] = [await startProxy(store.port), await startProxy(store.port)];
    const a = await startInstance(proxyA.port, store.database);
    const b = await startInstance(proxyB.port, store.database);
    const [early, last, other] = [signIn(), signIn(), signIn()];
    await a.clerk.revokeSession(early.sessionId);
    await refusedAfterMs(b, early);
    await store.isolateReplica();
    await proxyB.cut();
    await a.clerk.revokeSession(last.sessionId);
    await until(
      () => a.redis.zrangebyscore('clerk:{https://clerk.sandbox.test}:revocations', '-inf', '+inf'),
      (texts) => texts.some((text) => text.includes(last.sessionId)),
    );

    await proxyA.cut();
    const port = await store.failOver();
    for (const proxy of [proxyA, proxyB]) proxy.leadTo(port);
    await proxyB.restore();
    await until(
      () => Promise.resolve(b.redis.status),
      (status) => status === 'ready',
    );
    // It has read the set of the new primary, where the last write is missing.
    const beforehand = await startInstance(proxyB.port, store.database);
    expect(await codesOn([a, b, beforehand], early)).toEqual(Array(3).fill('SESSION_REVOKED'));
    expect(await codesOn([a, b, beforehand], last)).toEqual(['SESSION_REVOKED', 200, 200]);

    await proxyA.restore();
    expect(await refusedAfterMs(b, last)).toBeLessThan(1_000);
    expect(await refusedAfterMs(beforehand, last)).toBeLessThan(1_000);
    const fresh = await startInstance(proxyB.port, store.database);
    expect(await codesOn([a, b, beforehand, fresh], last)).toEqual(Array(4).fill('SESSION_REVOKED'));
    expect(await codesOn([a, b, beforehand, fresh], early)).toEqual(Array(4).fill('SESSION_REVOKED'));
    expect(await codesOn([a, b, beforehand, fresh], other)).toEqual([200, 200, 200, 200]);
  });
});

// Counts commands and changes settings: not on a Redis that others use.
const onPrivateServer = hasRedisServer ? describe : describe.skip;

onPrivateServer('what a process writes back', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
    closing.push(() => server.kill());
  });

  async function startFeed(instance: string) {
    const redis = connectRedis(server.url);
    const revocations = new Revocations(Date.now);
    const feed = new RedisRevocationFeed({ redis, instance, revocations, nowMs: Date.now });
    closing.push(() => redis.disconnect());
    closing.push(() => feed.onModuleDestroy());
    await feed.onModuleInit();
    return { redis, feed, revocations, held: () => [...revocations.inForce()] };
  }

  async function commandCounts(): Promise<Record<string, number>> {
    const text = await server.ask((redis) => redis.info('commandstats'));
    const counts = [...text.matchAll(/^cmdstat_(zadd|publish|zrangebyscore):calls=(\d+)/gm)];
    return Object.fromEntries(counts.map(([, name = '', calls]) => [name, Number(calls)]));
  }

  it('goes in batches, is announced, and is not written again', async () => {
    const instance = randomUUID();
    const [writer, reader] = [await startFeed(instance), await startFeed(instance)];
    const untilMs = Date.now() + 60_000;
    const records = [
      ...Array.from({ length: 1_200 }, (_, index) => ({
        revocation: { kind: 'session', sessionId: `sess_${index}` } as const,
        untilMs,
      })),
      { revocation: { kind: 'user', userId: 'user_banned', atMs: 5, isDeleted: false } as const, untilMs },
      { revocation: { kind: 'user', userId: 'user_deleted', atMs: 6, isDeleted: true } as const, untilMs },
    ];
    for (const record of records) writer.revocations.add(record);
    writer.revocations.add({
      revocation: { kind: 'session', sessionId: 'sess_over' },
      untilMs: Date.now() - 1,
    });
    await server.ask((redis) => redis.config('RESETSTAT'));
    writer.redis.emit('ready');
    await until(
      () => Promise.resolve(reader.held().length),
      (count) => count === records.length,
    );
    expect(reader.held()).toEqual(records);
    expect(await commandCounts()).toEqual({ zadd: 3, publish: 3, zrangebyscore: 1 });

    for (const { redis } of [writer, reader]) redis.emit('ready');
    await until(commandCounts, ({ zrangebyscore }) => zrangebyscore === 3);
    const late = await startFeed(instance);
    const texts = (of: readonly object[]) => of.map((record) => JSON.stringify(record)).toSorted();
    expect(texts(late.held())).toEqual(texts(records));
    expect(await commandCounts()).toMatchObject({ zadd: 3, publish: 3 });
  });

  it('is no record that somebody else made of the same session, and no text that is none', async () => {
    const instance = randomUUID();
    const key = `clerk:{${instance}}:revocations`;
    const untilMs = Date.now() + 60_000;
    const record = (sessionId: string, at: number) =>
      JSON.stringify({ untilMs: at, revocation: { kind: 'session', sessionId } });
    await server.ask((redis) => redis.zadd(key, untilMs, record('sess_a', untilMs), untilMs, 'no record'));
    const feed = await startFeed(instance);
    feed.revocations.add({ revocation: { kind: 'session', sessionId: 'sess_a' }, untilMs: untilMs + 1 });
    await server.ask((redis) => redis.config('RESETSTAT'));
    feed.redis.emit('ready');
    await until(commandCounts, ({ zrangebyscore }) => zrangebyscore === 1);
    feed.redis.emit('ready');
    await until(commandCounts, ({ zrangebyscore }) => zrangebyscore === 2);
    expect(await commandCounts()).toEqual({ zrangebyscore: 2 });
  });

  it('gets there within a second also when Redis refused to write and no connection was lost', async () => {
    const instance = randomUUID();
    const { feed, revocations } = await startFeed(instance);
    const record = {
      revocation: { kind: 'session', sessionId: 'sess_refused' } as const,
      untilMs: Date.now() + 60_000,
    };
    await server.ask((redis) => redis.config('SET', 'min-replicas-to-write', '1'));
    revocations.add(record);
    await feed.publish(record);
    await server.ask((redis) => redis.config('SET', 'min-replicas-to-write', '0'));
    const startedAt = performance.now();
    await until(
      () => server.ask((redis) => redis.zcard(`clerk:{${instance}}:revocations`)),
      (count) => count === 1,
    );
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect((await startFeed(instance)).held()).toEqual([record]);
  });
});
