import { setImmediate as nextTurn } from 'node:timers/promises';

import { Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Cluster, type Redis } from 'ioredis';

import { parseRevocationRecord, RevocationFeed, type RevocationRecord } from './revocation.js';
import type { Revocations } from './revocations.js';
import { withDeadline } from '../deadline.js';

/** How long the boot waits for what others have revoked. */
const FIRST_LOAD_MS_MAX = 2_000;
/** A message can be lost without the connection being lost: the set is compared again this often. */
const RELOAD_MS = 30_000;
/** After a failure, and only while the connections stand: what failed has to be known everywhere within a second. */
const RETRY_MS = 500;
/** Nobody waits for longer than this for one answer of Redis. */
const ANSWER_MS_MAX = 1_000;
/** Records in one command, about 150 bytes each. */
const BATCH_MAX = 500;
/** How long one catch-up may write what Redis has lost; the next one goes on from there. */
const WRITE_BACK_MS_MAX = 5_000;

export interface RedisRevocationFeedParts {
  readonly redis: Redis | Cluster;
  /** Tells Clerk instances on one Redis apart. */
  readonly instance: string;
  readonly revocations: Revocations;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Revocations through Redis: a sorted set holds those in force (score: until when, Unix ms), a channel announces new ones. Set and
 * process are compared at boot, after every reconnection and every 30 s, in both directions: no message is relied on alone, and what
 * Redis does not have (it was away, was restarted empty, or its replica took over without the last writes) it gets from any process
 * that knows it. While Redis is away the last known set stays in force.
 */
export class RedisRevocationFeed extends RevocationFeed implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(RedisRevocationFeed.name);
  readonly #key: string;
  readonly #subscriber: Redis | Cluster;
  readonly #isCaughtUp: Promise<boolean>;
  #turn = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #isClosed = false;
  #onCaughtUp: (isCaughtUp: boolean) => void = () => undefined;
  readonly #onReady = () => this.#catchUp();

  constructor(private readonly parts: RedisRevocationFeedParts) {
    super();
    this.#key = `clerk:{${parts.instance}}:revocations`;
    this.#isCaughtUp = new Promise((resolve) => (this.#onCaughtUp = resolve));
    // A connection that subscribes can do nothing else.
    this.#subscriber = duplicate(parts.redis);
    this.#subscriber.on('error', () => undefined);
    this.#subscriber.on('message', (_channel, text: string) => {
      for (const line of text.split('\n')) this.#take(line);
    });
    // Either may be the last to be back.
    this.#subscriber.on('ready', this.#onReady);
    parts.redis.on('ready', this.#onReady);
  }

  async onModuleInit(): Promise<void> {
    // A host's connection may be lazy; then so is its double.
    if (this.#subscriber.status === 'wait') this.#subscriber.connect().catch(() => undefined);
    this.#catchUp();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), FIRST_LOAD_MS_MAX);
    });
    const isLoaded = await Promise.race([this.#isCaughtUp, late]);
    clearTimeout(timer);
    if (!isLoaded)
      this.#logger.warn('Redis does not answer: sessions that others revoked are not known here yet.');
  }

  onModuleDestroy(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.parts.redis.off('ready', this.#onReady);
    this.#subscriber.disconnect();
  }

  async publish(record: RevocationRecord): Promise<void> {
    try {
      await this.#send([record]);
    } catch {
      // In force in this process all the while: a later comparison finds that Redis lacks it.
      this.#schedule(RETRY_MS);
    }
  }

  /** One at a time, so that two events at once do not write the same twice. */
  #catchUp(): void {
    this.#turn = this.#catchUpAfter(this.#turn);
  }

  async #catchUpAfter(before: Promise<void>): Promise<void> {
    await before;
    clearTimeout(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
    const isCaughtUp = await this.#compare();
    if (isCaughtUp) this.#onCaughtUp(true);
    this.#schedule(isCaughtUp ? RELOAD_MS : RETRY_MS);
  }

  /** The earliest counts: what could not be told while a comparison was under way may have come too late for that one. */
  #schedule(delayMs: number): void {
    const dueMs = this.parts.nowMs() + delayMs;
    if (this.#isClosed || dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#catchUp(), delayMs).unref();
  }

  /** Subscribes first and reads then: what is announced in between comes twice, not never. False when Redis is away. */
  async #compare(): Promise<boolean> {
    const { redis, nowMs } = this.parts;
    const isSubscribed = await this.#subscribe();
    try {
      const texts = await ask(redis, () => redis.zrangebyscore(this.#key, nowMs(), '+inf'));
      await this.#writeBack(await this.#takeAll(texts));
      return isSubscribed;
    } catch {
      // Away again: the next connection or the next comparison catches up.
      return false;
    }
  }

  /** What the records are about. A hundred thousand take half a second, and requests go in between. */
  async #takeAll(texts: readonly string[]): Promise<ReadonlySet<string | null>> {
    const known = new Set<string | null>();
    for (const [index, text] of texts.entries()) {
      known.add(this.#take(text));
      if (index % BATCH_MAX === BATCH_MAX - 1) await nextTurn();
    }
    return known;
  }

  async #subscribe(): Promise<boolean> {
    try {
      await ask(this.#subscriber, () => this.#subscriber.subscribe(this.#key));
      return true;
    } catch {
      // The set can be read without; and this is tried again soon.
      return false;
    }
  }

  /** Announced as well: others may have read the set before this process could write to it. */
  async #writeBack(known: ReadonlySet<string | null>): Promise<void> {
    const missing = [...this.parts.revocations.inForce()].filter((record) => !known.has(identityOf(record)));
    if (missing.length === 0) return;
    this.#logger.warn(`Redis lacks ${missing.length} revocations that are in force here: writing them back.`);
    const deadlineMs = this.parts.nowMs() + WRITE_BACK_MS_MAX;
    for (let sent = 0; sent < missing.length; sent += BATCH_MAX) {
      if (this.parts.nowMs() > deadlineMs) throw new Error('Redis takes too long: the rest comes next time.');
      await this.#send(missing.slice(sent, sent + BATCH_MAX));
    }
  }

  /** Idempotent: what is there already stays as it is. */
  async #send(records: readonly RevocationRecord[]): Promise<void> {
    const { redis, nowMs } = this.parts;
    const lines = records.map((record) => JSON.stringify(record));
    const scored = records.flatMap(({ untilMs }, index) => [untilMs, lines[index] ?? '']);
    await ask(redis, () =>
      Promise.all([
        redis.zadd(this.#key, ...scored),
        redis.publish(this.#key, lines.join('\n')),
        redis.zremrangebyscore(this.#key, '-inf', nowMs()),
      ]),
    );
  }

  /** What the record is about; null for what is none. */
  #take(text: string): string | null {
    const record = parseRevocationRecord(text);
    if (record === null) return null;
    this.parts.revocations.add(record);
    return identityOf(record);
  }
}

/** Two records of one session are the same, whoever made them and when. */
function identityOf({ revocation }: RevocationRecord): string {
  if (revocation.kind === 'session') return revocation.sessionId;
  const { userId, atMs, isDeleted } = revocation;
  return isDeleted ? `${userId} deleted` : `${userId} ${atMs}`;
}

/** With the options of the host's connection. Two branches, since the two kinds have no signature in common. */
function duplicate(redis: Redis | Cluster): Redis | Cluster {
  return redis instanceof Cluster ? redis.duplicate() : redis.duplicate();
}

/** With a deadline, and only where Redis is there: nothing may pile up in a connection's queue. A lazy one connects by being asked. */
async function ask<T>(redis: Redis | Cluster, question: () => Promise<T>): Promise<T> {
  if (redis.status !== 'ready' && redis.status !== 'wait') throw new Error('Redis is away.');
  return withDeadline(question(), ANSWER_MS_MAX, () => new Error('Redis gave no answer in time.'));
}
