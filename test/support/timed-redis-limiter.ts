import { createHash, randomUUID } from 'node:crypto';

import { type Cluster, Redis } from 'ioredis';

import { RateLimitEngine } from '../../libs/rate-limit/src/limiter/rate-limit-engine.js';
import type { LimiterUnderTest } from '../../libs/rate-limit/src/limiter/rate-limiter.contract.js';
import {
  type LimitScriptCall,
  RedisRateLimiter,
} from '../../libs/rate-limit/src/limiter/redis-rate-limiter.js';

/** Unix time, milliseconds: where the test's clock begins. */
const START_MS = 1_800_000_000_000;

/** The limiter's own script in a real Redis, but on a clock that the test moves: everything else of it is untouched. */
export class TimedRedisLimiter implements LimiterUnderTest {
  readonly limiter: RedisRateLimiter;
  readonly keyPrefix = `test-limit:${randomUUID()}:`;
  /** Round trips so far. */
  calls = 0;
  #nowMs = START_MS;

  constructor(readonly redis: Redis | Cluster) {
    this.limiter = new RedisRateLimiter(this, this.keyPrefix);
  }

  run = ({ script: { text }, key, words }: LimitScriptCall): Promise<unknown> => {
    this.calls += 1;
    return this.redis.eval(onGivenClock(text), 1, key, ...words, ...timeWords(this.#nowMs));
  };

  /** Also back. */
  advance = (ms: number): void => {
    this.#nowMs += ms;
  };
}

/**
 * Whole engines, each with a connection of its own to one real Redis, all on one clock that the test moves: `performance.now`, which is
 * theirs, and the time that the script asks Redis for. Timers go on in real time. So where the test moves the clock beyond the life of a
 * lease, what is left of it goes back with the next request of its principal, and not by its timer. Breakers never open: an answer has 10
 * seconds of the test's time, which stands still while it is waited for.
 */
export class TimedRedisEngines {
  readonly engines: readonly RateLimitEngine[];
  readonly #now = performance.now;
  #nowMs = START_MS;

  private constructor(redisUrl: string, instances: number) {
    performance.now = () => this.#nowMs;
    const keyPrefix = `test-limit:${randomUUID()}:`;
    this.engines = Array.from(
      { length: instances },
      () =>
        new RateLimitEngine({
          redis: {
            target: (options) => this.#onClock(new Redis(redisUrl, options)),
            keyPrefix,
            answerMsMax: 10_000,
          },
          instances,
        }),
    );
  }

  static async start(redisUrl: string, instances: number): Promise<TimedRedisEngines> {
    const timed = new TimedRedisEngines(redisUrl, instances);
    await Promise.all(timed.engines.map((engine) => engine.start()));
    return timed;
  }

  advance = (ms: number): void => {
    this.#nowMs += ms;
  };

  async close(): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.close()));
    performance.now = this.#now;
  }

  /** By digest as ever: only that the script is another one, which takes its time from what it is sent. */
  #onClock(connection: Redis): Redis {
    const [evalsha, evaluate] = [connection.evalsha.bind(connection), connection.eval.bind(connection)];
    const timedDigests = new Map<string, string>();
    return Object.assign(connection, {
      evalsha: (sha1: string, keys: number, key: string, ...words: number[]) =>
        evalsha(
          timedDigests.get(sha1) ?? digestOf('unknown'),
          keys,
          key,
          ...words,
          ...timeWords(this.#nowMs),
        ),
      eval: (text: string, keys: number, key: string, ...words: number[]) => {
        timedDigests.set(digestOf(text), digestOf(onGivenClock(text)));
        return evaluate(onGivenClock(text), keys, key, ...words, ...timeWords(this.#nowMs));
      },
    });
  }
}

/** As Redis tells the time: seconds, and microseconds beyond them. */
function timeWords(nowMs: number): readonly string[] {
  const seconds = Math.floor(nowMs / 1_000);
  return [String(seconds), String(Math.round((nowMs - seconds * 1_000) * 1_000))];
}

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** Takes the time from two words behind those of the script, where the script takes it from Redis. */
function onGivenClock(text: string): string {
  const asked = "redis.call('TIME')";
  if (text.split(asked).length !== 2) throw new Error(`The script does not say ${asked} once.`);
  return `local clock = { table.remove(ARGV, #ARGV - 1), table.remove(ARGV) }\n${text.replace(asked, 'clock')}`;
}
