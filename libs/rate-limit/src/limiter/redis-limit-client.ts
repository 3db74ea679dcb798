import { Cluster, Redis } from 'ioredis';

import type { LimitScriptCall } from './redis-rate-limiter.js';

/** A connection that hangs is given up and made anew, milliseconds without an answer to what was asked. */
const SILENT_MS_MAX = 2_000;
const RECONNECT_MS_MAX = 1_000;
/** Commands that leave together at most. */
const GATHERED_MAX = 16;

/** Fails at once rather than later: nothing waits for a connection, and nothing is sent a second time, which would count it twice. */
const OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  connectTimeout: SILENT_MS_MAX,
  socketTimeout: SILENT_MS_MAX,
  retryStrategy: reconnectDelayMs,
} as const;

/** What a connection must be made with. */
export type LimitRedisOptions = typeof OPTIONS;
export type LimitRedisTarget = readonly string[] | ((options: LimitRedisOptions) => Redis | Cluster);

/** A connection of the limiter's own. It keeps trying to connect until `disconnect`. */
export class RedisLimitClient {
  readonly redis: Redis | Cluster;
  #gathered = 0;

  constructor(target: LimitRedisTarget) {
    this.redis = typeof target === 'function' ? target(OPTIONS) : connect(target);
    // Told by the breaker, once; without a listener each would be printed.
    this.redis.on('error', () => undefined);
  }

  /** By its digest; with its text where Redis does not know it (yet, or after SCRIPT FLUSH, a restart or a failover). */
  async run({ script: { text, sha1 }, key, words }: LimitScriptCall): Promise<unknown> {
    this.#gather();
    try {
      return await this.redis.evalsha(sha1, 1, key, ...words);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.redis.eval(text, 1, key, ...words);
    }
  }

  /** Whether the node that has this key takes writes: a replica, or a cluster that lacks the slot, answers a PING. */
  async write(key: string): Promise<void> {
    await this.redis.set(key, '', 'PX', SILENT_MS_MAX);
  }

  disconnect(): void {
    this.redis.disconnect();
  }

  /**
   * What is sent in one turn of the event loop leaves in few writes, each of which costs more than a command: but not all in one, so that
   * Redis is at work before this process has done. Of a cluster each command goes by itself.
   */
  #gather(): void {
    if (!(this.redis instanceof Redis)) return;
    const { stream } = this.redis;
    // None before the first connection.
    if (!stream) return;
    if (stream.writableCorked === 0) {
      stream.cork();
      this.#gathered = 0;
      setImmediate(() => stream.uncork());
    } else if (this.#gathered >= GATHERED_MAX) {
      stream.uncork();
      stream.cork();
      this.#gathered = 0;
    }
    this.#gathered += 1;
  }
}

function connect(urls: readonly string[]): Redis | Cluster {
  const [first, ...others] = urls;
  if (first !== undefined && others.length === 0) return new Redis(first, OPTIONS);
  const { retryStrategy, enableOfflineQueue: _single, ...redisOptions } = OPTIONS;
  const cluster = new Cluster([...urls], {
    redisOptions,
    // Without a queue, what comes while the connection to one of its nodes is being made would fail.
    enableOfflineQueue: true,
    clusterRetryStrategy: retryStrategy,
    // A command whose connection closed may have been carried out: it is not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 5,
    // What finds the new primary after a failover, when no node is left that could say MOVED.
    slotsRefreshInterval: RECONNECT_MS_MAX,
  });
  // Before the first request, which waits too briefly for a connection to be made far away.
  cluster.on('+node', (node: Redis) => {
    if (node.status === 'wait') node.connect().catch(() => undefined);
  });
  return cluster;
}

function reconnectDelayMs(attempts: number): number {
  return Math.min(RECONNECT_MS_MAX, 50 * 2 ** Math.min(attempts, 10)) * (0.75 + Math.random() / 2);
}
