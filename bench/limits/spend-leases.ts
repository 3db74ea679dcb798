// A program: one key of the tier ENTERPRISE on two instances. The other end is lease-contest.ts.
import { setTimeout as wait } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

import { RateLimitEngine } from '../../libs/rate-limit/src/limiter/rate-limit-engine.js';
import { resolveTiers } from '../../libs/rate-limit/src/tiers/resolve-tiers.js';
import type { Tier } from '../../libs/rate-limit/src/tiers/tier.js';
import { RedisServer } from '../../test/support/redis-server.js';
import { answerParent } from '../answer-parent.js';
import { ExactLog } from './exact-log.js';
import type { LeaseResult } from './lease-contest.js';

const LIMIT = 1_000;
/** A minute, twenty times as fast. */
const WINDOW_MS = 3_000;
const WINDOWS = 3;
const INSTANCES = 2;

Logger.overrideLogger(['error']);
answerParent({
  async spend(load: number): Promise<LeaseResult> {
    const server = await RedisServer.start();
    const engines = Array.from(
      { length: INSTANCES },
      () =>
        new RateLimitEngine({ redis: { target: [server.url], answerMsMax: 1_000 }, instances: INSTANCES }),
    );
    try {
      for (const engine of engines) await engine.start();
      const before = await roundTripsOn(server);
      const log = await spendOn(engines, load);
      const roundTrips = (await roundTripsOn(server)) - before;
      return { load, roundTrips, ...log.verdict() };
    } finally {
      await Promise.all(engines.map((engine) => engine.close()));
      await server.kill();
    }
  },
});

/** Requests at an even rate, each to the instance whose turn it is, whatever the answers to those before. */
async function spendOn(engines: readonly RateLimitEngine[], load: number): Promise<ExactLog> {
  const [tier] = resolveTiers({
    ENTERPRISE: { windows: [{ name: 'minute', limit: LIMIT, durationMs: WINDOW_MS }] },
  });
  if (tier === undefined) throw new Error('There is no tier.');
  const log = new ExactLog(LIMIT, WINDOW_MS);
  const perMs = (load * LIMIT) / WINDOW_MS;
  const total = Math.round(load * LIMIT * WINDOWS);
  const pending: Promise<void>[] = [];
  const startMs = performance.now();
  while (pending.length < total) {
    const due = Math.min(total, Math.floor((performance.now() - startMs) * perMs));
    while (pending.length < due) {
      const engine = engines[pending.length % engines.length];
      if (engine !== undefined) pending.push(ask(engine, tier, log));
    }
    await wait(1);
  }
  await Promise.all(pending);
  return log;
}

async function ask(engine: RateLimitEngine, tier: Tier, log: ExactLog): Promise<void> {
  const askedAtMs = performance.now();
  const decision = engine.decide({ principal: 'user_enterprise', tier, cost: 1 });
  // What is answered at once is recorded at once.
  const { outcome } = decision instanceof Promise ? await decision : decision;
  if (outcome === 'unavailable') throw new Error('Redis did not decide.');
  log.add({ askedAtMs, answeredAtMs: performance.now(), isAllowed: outcome === 'allowed' });
}

/** Scripts that were sent, whether for a decision, for a lease or to give one back. */
async function roundTripsOn(server: RedisServer): Promise<number> {
  const stats = await server.ask((redis: Redis) => redis.info('commandstats'));
  return [...stats.matchAll(/^cmdstat_(?:evalsha|eval):calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}
