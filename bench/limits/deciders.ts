import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { ThrottlerStorageService } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, RateLimiterUnion } from 'rate-limiter-flexible';

import { RateLimitEngine } from '../../libs/rate-limit/src/limiter/rate-limit-engine.js';
import { BreakerWatch, PATIENCE_MS } from './breaker-watch.js';
import { tierOf, type Windows } from './windows.js';

export interface Decider {
  /** Whether the request is let through. */
  decide(principal: string): boolean | Promise<boolean>;
  /** @throws Error when something else decided than what was to be timed */
  check?(): void;
  close(): unknown;
}

export interface DeciderOptions {
  /** Null: in memory. */
  readonly redisUrl: string | null;
  readonly windows: Windows;
}

export const OURS = 'nest-rate-tiers';
export const THROTTLER = '@nestjs/throttler';
export const FLEXIBLE = 'rate-limiter-flexible';
export const DECIDER_NAMES = [OURS, THROTTLER, FLEXIBLE] as const;

export type DeciderName = (typeof DECIDER_NAMES)[number];

/** Limits nothing: what one command of Redis costs at the least. */
export const ONE_GET = 'no limit, one GET';
export const REDIS_NAMES = [...DECIDER_NAMES, ONE_GET] as const;

export type RedisName = (typeof REDIS_NAMES)[number];

export const DECIDERS: Readonly<Record<RedisName, (options: DeciderOptions) => Decider | Promise<Decider>>> =
  {
    [OURS]: startEngine,
    [THROTTLER]: startThrottler,
    [FLEXIBLE]: startUnion,
    [ONE_GET]: startGet,
  };

async function startEngine({ redisUrl, windows }: DeciderOptions): Promise<Decider> {
  const tier = tierOf(windows);
  const watch = new BreakerWatch();
  const redis = redisUrl === null ? null : { target: [redisUrl], answerMsMax: PATIENCE_MS };
  const engine = new RateLimitEngine({ redis, metrics: watch });
  await engine.start();
  return {
    decide(principal) {
      const decision = engine.decide({ principal, tier, cost: 1 });
      return decision instanceof Promise
        ? decision.then(({ outcome }) => outcome === 'allowed')
        : decision.outcome === 'allowed';
    },
    check: () => watch.check(),
    close: () => engine.close(),
  };
}

/** The storages, asked as ThrottlerGuard asks them: one window after the other; without the SHA-256 that it makes of every key. */
function startThrottler({ redisUrl, windows }: DeciderOptions): Decider {
  const storage = throttlerStorage(redisUrl);
  return {
    async decide(principal) {
      for (const { name, limit, durationMs } of windows) {
        const key = `${principal}-${name}`;
        const { isBlocked } = await storage.increment(key, durationMs, limit, durationMs, name);
        if (isBlocked) return false;
      }
      return true;
    },
    close: () =>
      storage instanceof ThrottlerStorageService
        ? storage.onApplicationShutdown()
        : storage.onModuleDestroy(),
  };
}

export function throttlerStorage(
  redisUrl: string | null,
): ThrottlerStorageService | ThrottlerStorageRedisService {
  return redisUrl === null ? new ThrottlerStorageService() : new ThrottlerStorageRedisService(redisUrl);
}

function startUnion({ redisUrl, windows }: DeciderOptions): Decider {
  const redis = redisUrl === null ? null : new Redis(redisUrl);
  const union = flexibleUnion(redis, windows);
  return {
    decide: (principal) => union.consume(principal).then(() => true, isRefusal),
    close: () => redis?.disconnect(),
  };
}

export function flexibleUnion(redis: Redis | null, windows: Windows): RateLimiterUnion {
  const limiters = windows.map(({ name, limit, durationMs }) => {
    const options = { keyPrefix: name, points: limit, duration: durationMs / 1_000 };
    return redis === null
      ? new RateLimiterMemory(options)
      : new RateLimiterRedis({ ...options, storeClient: redis });
  });
  return new RateLimiterUnion(...limiters);
}

function startGet({ redisUrl }: DeciderOptions): Decider {
  const redis = new Redis(redisUrl ?? '');
  return {
    decide: (principal) => redis.get(principal).then((value) => value === null),
    close: () => redis.disconnect(),
  };
}

/** It rejects with what each window that refuses says, and with errors. */
function isRefusal(rejection: unknown): false {
  const answers = Object.values(Object(rejection));
  if (answers.length > 0 && answers.every((answer) => answer instanceof RateLimiterRes)) return false;
  throw new Error('rate-limiter-flexible did not decide.', { cause: rejection });
}
