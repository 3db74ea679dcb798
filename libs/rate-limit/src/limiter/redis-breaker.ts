import { Logger } from '@nestjs/common';

import type { RateLimitMetrics } from '../rate-limit-metrics.js';
import { AnswerPatience } from './answer-patience.js';
import type { RedisLimitClient } from './redis-limit-client.js';
import type { LimitScriptCall, ScriptRunner } from './redis-rate-limiter.js';

const PROBE_MS_MIN = 100;
const PROBE_MS_MAX = 5_000;
/** After so long without a failure the next one is probed for soon again. */
const STEADY_MS = 5_000;

export interface RedisBreakerParts {
  readonly client: RedisLimitClient;
  readonly keyPrefix: string;
  /** Milliseconds that Redis may take. */
  readonly answerMsMax: number;
  readonly metrics: RateLimitMetrics;
}

/**
 * Stands between requests and Redis. The first failure opens it, and while it is open Redis decides for nobody, though leases may go back
 * to it: a timer of its own writes to where the failure was, after 100 ms and then ever more rarely, up to every 5 s, and at once when the
 * connection is back.
 */
export class RedisBreaker implements ScriptRunner {
  readonly #logger = new Logger(RedisBreaker.name);
  #isOpen = true;
  #isStopped = false;
  #probeKey: string;
  #probeDelayMs = PROBE_MS_MIN;
  #probeDueMs = 0;
  #isProbing = false;
  #timer: NodeJS.Timeout | undefined;
  #closedAtMs = 0;
  readonly #patience: AnswerPatience;
  #onClosed: () => void = () => undefined;
  /** Resolves at the first closing. */
  readonly firstClosed = new Promise<void>((resolve) => (this.#onClosed = resolve));

  constructor(private readonly parts: RedisBreakerParts) {
    this.#patience = new AnswerPatience(parts.answerMsMax);
    // No principal's: none has a `#` that is not followed by a digest.
    this.#probeKey = `${parts.keyPrefix}{#probe}`;
    parts.metrics.breakerChanged('open');
    const { redis } = parts.client;
    redis.on('ready', () => void this.#probe());
    redis.on('close', () => this.#open('the connection closed'));
    if (redis.status === 'wait') redis.connect().catch(() => undefined);
    if (redis.status === 'ready') void this.#probe();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Milliseconds until Redis is tried again, at least 1. */
  get retryAfterMs(): number {
    return Math.max(1, Math.ceil(this.#probeDueMs - performance.now()));
  }

  /** Rejects, and opens, when Redis answers with an error or not in time. */
  async run(call: LimitScriptCall): Promise<unknown> {
    const startedAtMs = performance.now();
    const answering = this.parts.client.run(call);
    try {
      const answer = await this.#patience.wait(answering);
      this.parts.metrics.redisAnswered(performance.now() - startedAtMs);
      return answer;
    } catch (error) {
      this.#probeKey = `${call.key}:probe`;
      this.#open(reasonOf(error));
      if (call.onLate !== undefined) answering.then(call.onLate).catch(() => undefined);
      throw error;
    }
  }

  /** Nothing is asked of Redis from here on. Idempotent. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isOpen = true;
    clearTimeout(this.#timer);
    this.parts.client.disconnect();
  }

  #open(reason: string): void {
    if (this.#isOpen || this.#isStopped) return;
    this.#isOpen = true;
    if (performance.now() - this.#closedAtMs > STEADY_MS) this.#probeDelayMs = PROBE_MS_MIN;
    this.#logger.warn(`Redis does not decide (${reason}): tiers follow whenUnavailable until it does.`);
    this.parts.metrics.breakerChanged('open');
    this.#scheduleProbe();
  }

  #close(): void {
    this.#isOpen = false;
    this.#closedAtMs = performance.now();
    clearTimeout(this.#timer);
    this.#logger.log('Redis decides.');
    this.parts.metrics.breakerChanged('closed');
    this.#onClosed();
  }

  /** A quarter more or less, so that many processes do not all try in the same moment. */
  #scheduleProbe(): void {
    const delayMs = this.#probeDelayMs * (0.75 + Math.random() / 2);
    this.#probeDelayMs = Math.min(PROBE_MS_MAX, this.#probeDelayMs * 2);
    this.#probeDueMs = performance.now() + delayMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#probe(), delayMs).unref();
  }

  async #probe(): Promise<void> {
    if (!this.#isOpen || this.#isStopped || this.#isProbing) return;
    this.#isProbing = true;
    try {
      await this.#patience.wait(this.parts.client.write(this.#probeKey));
      if (!this.#isStopped) this.#close();
    } catch {
      // Still away: the next probe finds out.
      if (!this.#isStopped) this.#scheduleProbe();
    } finally {
      this.#isProbing = false;
    }
  }
}

/** The first word of what Redis says (`READONLY`, `LOADING`), or a code of the network; never a key. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.message.slice(0, 60);
}
