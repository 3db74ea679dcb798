import { Logger } from '@nestjs/common';
import { ClerkSandbox, SEEDED_USERS } from 'clerk-sandbox';

import { closeAll, connectRedis, startGuardedApp } from './support/guarded-app.js';
import { until } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

describe('two instances on one Redis', () => {
  const closing: (() => unknown)[] = [];
  let sandbox: ClerkSandbox;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    sandbox = await ClerkSandbox.start();
    closing.push(() => sandbox.stop());
  });

  afterAll(() => closeAll(closing));

  async function startInstance(redisUrl: string) {
    const redis = connectRedis(redisUrl);
    closing.push(() => redis.disconnect());
    await new Promise((resolve) => redis.once('ready', resolve));
    const app = await startGuardedApp(sandbox, { redis });
    closing.push(() => app.stop());
    return app;
  }

  const redisUrl = () => new URL(process.env['TEST_REDIS_URL'] ?? '');
  const signIn = () => sandbox.signIn(SEEDED_USERS.free.id, { expiresInSeconds: 600 });

  it('a session that is revoked on one is refused on the other within a second, and on one that starts later', async () => {
    const [a, b] = [await startInstance(redisUrl().href), await startInstance(redisUrl().href)];
    const { token, sessionId } = signIn();
    expect([(await a.get(token)).status, (await b.get(token)).status]).toEqual([200, 200]);
    const startedAt = performance.now();
    await a.clerk.revokeSession(sessionId);
    const refused = await until(
      () => b.get(token),
      ({ status }) => status !== 200,
    );
    expect([refused.status, refused.body.code]).toEqual([401, 'SESSION_REVOKED']);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect((await a.get(token)).body.code).toBe('SESSION_REVOKED');
    const late = await startInstance(redisUrl().href);
    expect((await late.get(token)).body.code).toBe('SESSION_REVOKED');
  });

  it('one that lost Redis for a while knows everything when it is back, in both directions', async () => {
    const proxy = await TcpProxy.to(Number(redisUrl().port || 6379), redisUrl().hostname);
    closing.push(() => proxy.close());
    const a = await startInstance(redisUrl().href);
    const b = await startInstance(`redis://127.0.0.1:${proxy.port}`);
    const [known, missed, made] = [signIn(), signIn(), signIn()];
    await a.clerk.revokeSession(known.sessionId);
    await until(
      () => b.get(known.token),
      ({ status }) => status === 401,
    );

    await proxy.cut();
    await a.clerk.revokeSession(missed.sessionId);
    await b.clerk.revokeSession(made.sessionId);
    expect((await b.get(known.token)).body.code).toBe('SESSION_REVOKED');
    expect((await b.get(missed.token)).status).toBe(200);
    expect((await b.get(made.token)).body.code).toBe('SESSION_REVOKED');
    expect((await a.get(made.token)).status).toBe(200);

    await proxy.restore();
    const startedAt = performance.now();
    for (const [instance, { token }] of [
      [b, missed],
      [a, made],
    ] as const) {
      const refused = await until(
        () => instance.get(token),
        ({ status }) => status !== 200,
      );
      expect(refused.body.code).toBe('SESSION_REVOKED');
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    }
  });
});
