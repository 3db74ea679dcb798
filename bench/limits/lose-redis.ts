// A program: a limiter that loses its Redis. The other end is outage-contest.ts.
import { Logger } from '@nestjs/common';

import { RateLimitEngine } from '../../libs/rate-limit/src/limiter/rate-limit-engine.js';
import { RedisServer } from '../../test/support/redis-server.js';
import { answerParent } from '../answer-parent.js';
import type { Outage } from './outage-contest.js';
import { FREE, tierOf } from './windows.js';

const tier = tierOf(FREE);

Logger.overrideLogger(['error']);
answerParent({
  /** Its port refuses connections. */
  refused: () => lose((server) => server.kill()),
  /** It takes connections and what is sent, and answers nothing. */
  hung: () => lose(stop),
});

async function lose(end: (server: RedisServer) => Promise<void>): Promise<Outage> {
  const server = await RedisServer.start();
  const engine = new RateLimitEngine({ redis: { target: [server.url] } });
  try {
    await engine.start();
    if (!engine.isReady) throw new Error('Redis was not reached.');
    // Code that has run once.
    for (let index = 0; index < 100; index += 1) await decide(engine, `user_${index}`);
    await end(server);
    return { firstMs: await decide(engine, 'user_first'), nextMs: await decide(engine, 'user_next') };
  } finally {
    await engine.close();
    // Ends also what is stopped.
    await server.kill();
  }
}

/** Milliseconds. */
async function decide(engine: RateLimitEngine, principal: string): Promise<number> {
  const startMs = performance.now();
  const { outcome } = await engine.decide({ principal, tier, cost: 1 });
  const durationMs = performance.now() - startMs;
  if (outcome !== 'allowed') throw new Error(`A request that fits was ${outcome}.`);
  return durationMs;
}

async function stop(server: RedisServer): Promise<void> {
  const info = await server.ask((redis) => redis.info('server'));
  process.kill(Number(/^process_id:(\d+)/m.exec(info)?.[1]), 'SIGSTOP');
}
