import { Logger } from '@nestjs/common';

import { RateLimitError } from '../rate-limit-error.js';
import { NoMetrics, type RateLimitMetrics } from '../rate-limit-metrics.js';
import type { Decision } from './decision.js';
import { MemoryRateLimiter } from './memory-rate-limiter.js';
import { type LimitRequest, RateLimiter } from './rate-limiter.js';
import { RedisBreaker } from './redis-breaker.js';
import { type LimitRedisTarget, RedisLimitClient } from './redis-limit-client.js';
import { SharedRateLimiter } from './shared-rate-limiter.js';

/** How long a boot waits for Redis. */
const START_MS_MAX = 2_000;
/** Those that this process counts by itself, 0.7 kB each and 8 bytes more for each unit of a log beyond 16: over that the longest unused are forgotten. */
const PRINCIPALS_MAX = 100_000;

export interface RateLimitRedisOptions {
  /**
   * The URL of one Redis, or of several nodes of one Redis Cluster; or what makes a connection (TLS, Sentinel) of the options it is given
   * and its own. The engine's own either way, and closed with it.
   */
  readonly target: LimitRedisTarget;
  /** What every key begins with, so that several applications can share one Redis. @default 'limit:' */
  readonly keyPrefix?: string | undefined;
  /**
   * How long a request waits for Redis, milliseconds, 1–10,000; once more where this process itself stood still for half of it. A connection
   * on which nothing comes for 2 seconds is given up whatever this is, and those who wait on it with it. @default 50
   */
  readonly answerMsMax?: number | undefined;
}

export interface RateLimitEngineOptions {
  /** Null: this process counts by itself. */
  readonly redis: RateLimitRedisOptions | null;
  /** How many processes share the limits, 1–10,000: one takes its part of them on lease, and while Redis is away. @default 1 */
  readonly instances?: number | undefined;
  readonly metrics?: RateLimitMetrics | undefined;
}

/**
 * The limiter as a whole: in memory, or through Redis.
 *
 * Through Redis: one round trip decides over all windows. A principal known to be blocked and one with leased units are answered without.
 * When Redis fails or is slow (`answerMsMax`), the request that met it gets what its tier says (`whenUnavailable`), and so do all that
 * come later, at once, until Redis is back. A Redis that lost its data (FLUSHALL, a restart) has forgotten what was spent.
 *
 * @throws RateLimitError OPTIONS_INVALID from the constructor
 */
export class RateLimitEngine extends RateLimiter {
  readonly #logger = new Logger('RateLimit');
  readonly #metrics: RateLimitMetrics;
  readonly #limiter: MemoryRateLimiter | SharedRateLimiter;
  readonly #redis: { readonly client: RedisLimitClient; readonly breaker: RedisBreaker } | null;

  constructor(options: RateLimitEngineOptions) {
    super();
    const { redis, instances = 1, metrics = new NoMetrics() } = options;
    checkOptions(options);
    this.#metrics = metrics;
    if (redis === null) {
      this.#redis = null;
      this.#limiter = new MemoryRateLimiter({ principalsMax: PRINCIPALS_MAX });
      return;
    }
    const { target, keyPrefix = 'limit:', answerMsMax = 50 } = redis;
    const client = new RedisLimitClient(target);
    const breaker = new RedisBreaker({ client, keyPrefix, answerMsMax, metrics });
    this.#redis = { client, breaker };
    this.#limiter = new SharedRateLimiter({
      breaker,
      keyPrefix,
      instances,
      principalsMax: PRINCIPALS_MAX,
      metrics,
    });
  }

  /** Whether limits hold over all processes now: false until Redis is reached, and while it does not answer. */
  get isReady(): boolean {
    return this.#redis === null || !this.#redis.breaker.isOpen;
  }

  /** Waits for Redis, for 2 seconds at most, then says why not. Never rejects: without Redis tiers follow `whenUnavailable`. */
  async start(): Promise<void> {
    if (this.#redis === null) return;
    const { client, breaker } = this.#redis;
    let reason = 'no answer';
    const onError = (error: unknown) => (reason = reasonOf(error));
    client.redis.on('error', onError);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, START_MS_MAX, false)));
    const isReached = await Promise.race([breaker.firstClosed.then(() => true), late]);
    clearTimeout(timer);
    client.redis.off('error', onError);
    if (isReached) return;
    if (client.redis.status === 'ready') reason = 'connected, but it takes no writes in time';
    this.#logger.warn(`Redis was not reached (${reason}): tiers follow whenUnavailable until it is.`);
  }

  /**
   * Not a promise where this process can answer by itself. A request of more units than a limit never fits: it is `limited`.
   *
   * @throws RateLimitError COST_INVALID unless the cost is a positive integer
   * @throws RateLimitError PRINCIPAL_INVALID when the principal is empty
   */
  decide(request: LimitRequest): Decision | Promise<Decision> {
    checkRequest(request);
    const decision = this.#limiter.decide(request);
    return decision instanceof Promise
      ? decision.then((later) => this.#tell(request, later))
      : this.#tell(request, decision);
  }

  /** Gives back what is leased and disconnects, within about a second. Idempotent; what is asked later gets `whenUnavailable`. */
  async close(): Promise<void> {
    if (this.#limiter instanceof SharedRateLimiter) await this.#limiter.close();
    this.#redis?.breaker.stop();
  }

  #tell({ tier }: LimitRequest, decision: Decision): Decision {
    this.#metrics.decided(tier.name, decision.outcome);
    return decision;
  }
}

function checkRequest({ principal, cost }: LimitRequest): void {
  if (!Number.isSafeInteger(cost) || cost < 1) {
    throw new RateLimitError('COST_INVALID', `A request costs a positive integer of units, not ${cost}.`);
  }
  if (principal === '') {
    throw new RateLimitError('PRINCIPAL_INVALID', 'A request needs a principal: the empty one is nobody.');
  }
}

function checkOptions({ redis, instances }: RateLimitEngineOptions): void {
  const problems = [
    ...wholeNumberProblems('instances', instances, 10_000),
    ...wholeNumberProblems('redis.answerMsMax', redis?.answerMsMax, 10_000),
    ...(redis === null || isTarget(redis.target) ? [] : ['redis.target needs a URL in an array']),
    ...(/[{}]/.test(redis?.keyPrefix ?? '') ? ['redis.keyPrefix must hold no braces'] : []),
  ];
  if (problems.length > 0) {
    throw new RateLimitError('OPTIONS_INVALID', `The limiter cannot start: ${problems.join('; ')}.`);
  }
}

function isTarget(target: LimitRedisTarget): boolean {
  return typeof target === 'function' || (Array.isArray(target) && target.length > 0);
}

function wholeNumberProblems(name: string, value: number | undefined, max: number): readonly string[] {
  const isFine = value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= max);
  return isFine ? [] : [`${name} must be an integer from 1 to ${max}`];
}

/** A code of the network, the first word of what Redis says (`WRONGPASS`), or what the client says of itself. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  // A cluster fails as a whole, for the reason of the node that it tried last.
  if ('lastNodeError' in error && error.lastNodeError) return reasonOf(error.lastNodeError);
  if ('code' in error && typeof error.code === 'string') return error.code;
  const message = 'message' in error ? String(error.message) : '';
  return /^[A-Z]{3,}\b/.exec(message)?.[0] ?? message.slice(0, 60);
}
