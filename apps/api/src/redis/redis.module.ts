import { type DynamicModule, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Cluster, Redis } from 'ioredis';

/** The connection to Redis, or null where the caches are in this process. */
export const REDIS = Symbol('redis');

/** A command fails in seconds and is not queued: what Redis holds can be had elsewhere. */
const OPTIONS = {
  connectTimeout: 2_000,
  commandTimeout: 2_000,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
} as const;

@Module({})
export class RedisModule implements OnApplicationShutdown {
  constructor(@Inject(REDIS) private readonly redis: Redis | Cluster | null) {}

  static register(urls: readonly string[]): DynamicModule {
    return {
      module: RedisModule,
      global: true,
      providers: [{ provide: REDIS, useFactory: () => connect(urls) }],
      exports: [REDIS],
    };
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }
}

function connect(urls: readonly string[]): Redis | Cluster | null {
  const [first, ...others] = urls;
  if (first === undefined) return null;
  const redis =
    others.length === 0
      ? new Redis(first, OPTIONS)
      : new Cluster([...urls], { redisOptions: OPTIONS, enableOfflineQueue: false });
  const logger = new Logger('Redis');
  let isDown = false;
  redis.on('error', (error: NodeJS.ErrnoException) => {
    if (!isDown)
      logger.error(`Redis cannot be reached (${error.code ?? error.name}); trying again until it can.`);
    isDown = true;
  });
  redis.on('ready', () => {
    if (isDown) logger.log('Redis is reached again.');
    isDown = false;
  });
  return redis;
}
