import { randomUUID } from 'node:crypto';

import { Logger } from '@nestjs/common';
import type { Cluster } from 'ioredis';

import { RateLimitEngine } from '../libs/rate-limit/src/limiter/rate-limit-engine.js';
import { describeRateLimiter } from '../libs/rate-limit/src/limiter/rate-limiter.contract.js';
import { resolveTiers } from '../libs/rate-limit/src/tiers/resolve-tiers.js';
import { RedisCluster } from './support/redis-cluster.js';
import { hasRedisServer } from './support/redis-server.js';
import { TimedRedisLimiter } from './support/timed-redis-limiter.js';

const [tier] = resolveTiers({
  FREE: {
    windows: [
      { name: 'minute', limit: 20, durationMs: 60_000 },
      { name: 'hour', limit: 100, durationMs: 3_600_000 },
    ],
    whenUnavailable: 'closed',
  },
});
if (tier === undefined) throw new Error('There is no tier.');

(hasRedisServer ? describe : describe.skip)('on a Redis Cluster', () => {
  let cluster: RedisCluster;
  let redis: Cluster;
  const engines: RateLimitEngine[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    cluster = await RedisCluster.start();
    redis = cluster.connect();
    await redis.ping();
  });

  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    redis?.disconnect();
    await cluster?.stop();
  });

  async function startEngine(): Promise<RateLimitEngine> {
    // Waits as long as it takes: this is about what is decided, and the machine may be busy.
    const engine = new RateLimitEngine({
      redis: { target: cluster.urls, answerMsMax: 10_000 },
      instances: 2,
    });
    engines.push(engine);
    await engine.start();
    return engine;
  }

  describe('while slots move', () => {
    const end = new AbortController();
    let moves = 0;
    let moving: Promise<void>;

    beforeAll(() => {
      moving = (async () => {
        while (!end.signal.aborted) {
          // Slots of keys that the suite has just used, and of one that it has not.
          for (const key of [...(await redisKeys()), randomUUID()].slice(-5)) {
            if (end.signal.aborted) return;
            await cluster.moveSlotOf(key);
            moves += 1;
          }
        }
      })();
    });

    afterAll(async () => {
      end.abort();
      await moving;
    });

    const redisKeys = async (): Promise<readonly string[]> => {
      const keys = await Promise.all(redis.nodes('master').map((node) => node.keys('test-limit:*')));
      return keys.flat();
    };

    describeRateLimiter(() => new TimedRedisLimiter(redis), { runs: 15 });

    it('they did move', () => {
      expect(moves).toBeGreaterThan(10);
    });
  });

  it.each(['new', 'known'])(
    'a %s principal whose slot is halfway from one node to another is decided as ever',
    async (kind) => {
      const [first, second] = [await startEngine(), await startEngine()];
      const principal = `user:${randomUUID()}`;
      const decide = async (engine: RateLimitEngine) =>
        (await engine.decide({ principal, tier, cost: 1 })).outcome;
      const outcomes: string[] = [];
      const ask = async (times: number) => {
        const asked = Array.from({ length: times }, (_none, index) =>
          decide(index % 2 === 0 ? first : second),
        );
        outcomes.push(...(await Promise.all(asked)));
      };
      if (kind === 'known') await ask(6);
      await cluster.moveSlotOf(`limit:{${principal}}`, () => ask(8));
      await ask(30 - outcomes.length);
      expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength(20);
      expect(outcomes.filter((outcome) => outcome === 'limited')).toHaveLength(10);
    },
  );

  it('goes on with the replica when a primary is lost, and hangs nobody', async () => {
    // Long enough for a busy machine, and much less than the failover takes.
    const engine = new RateLimitEngine({ redis: { target: cluster.urls, answerMsMax: 400 }, instances: 2 });
    engines.push(engine);
    await engine.start();
    const principal = `user:${randomUUID()}`;
    const decide = async () => engine.decide({ principal, tier, cost: 1 });
    expect((await decide()).outcome).toBe('allowed');
    await cluster.killPrimaryOf(`limit:{${principal}}`);
    const outcomes = new Set<string>();
    let slowestMs = 0;
    for (const untilMs = performance.now() + 50_000; performance.now() < untilMs;) {
      const startedAt = performance.now();
      const { outcome } = await decide();
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      outcomes.add(outcome);
      if (outcome === 'limited' || (outcomes.has('unavailable') && outcome === 'allowed')) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(outcomes).toEqual(new Set(['unavailable', 'allowed']));
    expect(slowestMs).toBeLessThan(2_000);
  });
});
