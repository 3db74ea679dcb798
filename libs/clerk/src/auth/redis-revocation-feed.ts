import { Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Cluster, type Redis } from 'ioredis';

import { parseRevocationRecord, RevocationFeed, type RevocationRecord } from './revocation.js';
import type { Revocations } from './revocations.js';

/** How long the boot waits for what others have revoked. */
const FIRST_LOAD_MS_MAX = 2_000;
/** A message can be lost without the connection being lost: the set is read again this often. */
const RELOAD_MS = 30_000;
const UNSENT_MAX = 10_000;
/** A host's connection may queue a command for as long as Redis is away. */
const ANSWER_MS_MAX = 1_000;

export interface RedisRevocationFeedParts {
  readonly redis: Redis | Cluster;
  /** Tells Clerk instances on one Redis apart. */
  readonly instance: string;
  readonly revocations: Revocations;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Revocations through Redis: a sorted set holds those in force (score: until when, Unix ms), a channel announces new ones. The
 * set is read at boot, after every reconnection and every 30 s, so no message is relied on alone. While Redis is away the
 * last known set stays in force, and what is revoked here is sent when it is back.
 */
export class RedisRevocationFeed extends RevocationFeed implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(RedisRevocationFeed.name);
  readonly #key: string;
  readonly #subscriber: Redis | Cluster;
  #unsent: RevocationRecord[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: RedisRevocationFeedParts) {
    super();
    this.#key = `clerk:{${parts.instance}}:revocations`;
    // A connection that subscribes can do nothing else.
    this.#subscriber = duplicate(parts.redis);
    this.#subscriber.on('error', () => undefined);
    this.#subscriber.on('message', (_channel, text) => this.#take(text));
    this.#subscriber.on('ready', () => void this.#catchUp());
  }

  async onModuleInit(): Promise<void> {
    this.#timer = setInterval(() => void this.#catchUp(), RELOAD_MS).unref();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), FIRST_LOAD_MS_MAX);
    });
    const isLoaded = await Promise.race([this.#firstLoad(), late]);
    clearTimeout(timer);
    if (!isLoaded)
      this.#logger.warn('Redis does not answer: sessions that others revoked are not known here yet.');
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    this.#subscriber.disconnect();
  }

  async publish(record: RevocationRecord): Promise<void> {
    try {
      await inTime(this.#send(record));
    } catch {
      // Kept until Redis is back; in force in this process all the while.
      this.#unsent = [...this.#unsent, record].slice(-UNSENT_MAX);
    }
  }

  async #firstLoad(): Promise<boolean> {
    if (this.#subscriber.status === 'ready') return this.#catchUp();
    // A host's connection may be lazy; then so is its double.
    if (this.#subscriber.status === 'wait') this.#subscriber.connect().catch(() => undefined);
    return new Promise((resolve) => {
      this.#subscriber.once('ready', () => resolve(this.#catchUp()));
    });
  }

  /** Subscribes first and reads then: what is announced in between comes twice, not never. False when Redis is away. */
  async #catchUp(): Promise<boolean> {
    try {
      await inTime(this.#subscriber.subscribe(this.#key));
      for (const text of await inTime(this.parts.redis.zrangebyscore(this.#key, this.parts.nowMs(), '+inf')))
        this.#take(text);
      const unsent = this.#unsent.splice(0);
      for (const record of unsent) await this.publish(record);
      return true;
    } catch {
      // Away again: the next connection or the next interval catches up.
      return false;
    }
  }

  async #send(record: RevocationRecord): Promise<void> {
    const { redis, nowMs } = this.parts;
    const text = JSON.stringify(record);
    await redis.zadd(this.#key, record.untilMs, text);
    await redis.publish(this.#key, text);
    await redis.zremrangebyscore(this.#key, '-inf', nowMs());
  }

  #take(text: string): void {
    const record = parseRevocationRecord(text);
    if (record !== null) this.parts.revocations.add(record);
  }
}

/** With the options of the host's connection. Two branches, since the two kinds have no signature in common. */
function duplicate(redis: Redis | Cluster): Redis | Cluster {
  return redis instanceof Cluster ? redis.duplicate() : redis.duplicate();
}

async function inTime<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('Redis gave no answer in time.')), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
