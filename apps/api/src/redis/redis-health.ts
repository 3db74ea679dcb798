import { Inject, Injectable } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';
import { RateLimitEngine } from 'nest-rate-tiers';

import { REDIS } from './redis.module.js';

/** Two connections: that of the caches, and that of the limits, which gives up sooner and has each process count for itself then. */
@Injectable()
export class RedisHealth {
  constructor(
    @Inject(REDIS) private readonly redis: Redis | Cluster | null,
    private readonly limiter: RateLimitEngine,
  ) {}

  /** Whether caches and limits are in this process. */
  get isEmbedded(): boolean {
    return this.redis === null;
  }

  /** Resolves while both connections answer. */
  async requireAnswer(): Promise<void> {
    await this.redis?.ping();
    if (!this.limiter.isReady) throw new Error('Limits are not shared.');
  }
}
