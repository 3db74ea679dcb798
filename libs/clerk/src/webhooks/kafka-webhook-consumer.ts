import { setTimeout as wait } from 'node:timers/promises';

import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';

import type { KafkaConnection } from './kafka-connection.js';
import { isOfOther, type KafkaPosition, readKafkaMessage, toDeadMessage } from './kafka-message.js';
import type { KafkaPublisher } from './kafka-publisher.js';
import { isUnstorable } from './outage.js';
import { failureName } from './retry-delay.js';
import type { WebhookInbox } from './webhook-inbox.js';
import { NoWebhookMetrics, type WebhookMetrics } from './webhook-metrics.js';

export interface KafkaWebhookConsumerParts {
  readonly connection: KafkaConnection;
  readonly publisher: Pick<KafkaPublisher, 'publish'>;
  readonly topic: string;
  /** Name of the registration. */
  readonly registration: string;
  readonly inbox: Pick<WebhookInbox, 'store'>;
  /** Called after a delivery was stored; must return at once. */
  readonly onStored: () => void;
  readonly metrics?: WebhookMetrics;
  /** After this long without a sign of life another consumer takes over, milliseconds. @default 10000 */
  readonly sessionMs?: number;
}

/** Stored at once, in one statement: as many as the inbox takes together. */
const CHUNK = 100;
const RETRY_MS = 250;
const RETRY_MS_MAX = 2_000;
const RESTART_MS = 1_000;
const SHUTDOWN_MS_MAX = 10_000;

/**
 * Puts what is in the topic into the inbox. Any number of processes share the partitions as one consumer group. An offset is
 * committed once the inbox has what is before it: what is read again after a crash is a duplicate there.
 */
export class KafkaWebhookConsumer implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(KafkaWebhookConsumer.name);
  readonly #metrics: WebhookMetrics;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #waitsFor: 'broker' | 'inbox' | null = null;

  constructor(private readonly parts: KafkaWebhookConsumerParts) {
    this.#metrics = parts.metrics ?? new NoWebhookMetrics();
  }

  /** Returns at once: a broker that is away is tried until it is there. */
  onApplicationBootstrap(): void {
    this.#running = this.#run();
  }

  /** Takes no more, finishes what it has in hand, commits and leaves the group (at most 10 s). */
  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    await Promise.race([this.#running, wait(SHUTDOWN_MS_MAX, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#consume();
      } catch (error) {
        this.#noteWait('broker', error);
        await this.#pause(RESTART_MS);
      }
    }
  }

  /** Until it is stopped, or fails. A new consumer starts from the brokers that were configured. */
  async #consume(): Promise<void> {
    const { connection, topic, registration, sessionMs = 10_000 } = this.parts;
    const consumer = connection.kafka.consumer({
      groupId: `nest-clerk.${registration}`,
      sessionTimeout: sessionMs,
      heartbeatInterval: Math.floor(sessionMs / 5),
      maxWaitTimeInMs: 500,
      retry: { retries: 5, restartOnFailure: () => Promise.resolve(false) },
    });
    const done = new AbortController();
    const ended = this.#endOf(consumer, done.signal);
    try {
      await consumer.connect();
      // What was acknowledged before the first consumer came is not lost.
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        // Otherwise what was given up when the process stops would count as done.
        eachBatchAutoResolve: false,
        eachBatch: (payload) => this.#take(payload),
      });
      await ended;
    } finally {
      done.abort();
      await consumer.disconnect();
    }
  }

  /** Resolves when it is to stop, rejects when it has failed. Until `done` it is listened for. */
  #endOf(consumer: Consumer, done: AbortSignal): Promise<void> {
    consumer.on(consumer.events.GROUP_JOIN, () => this.#noteAnswer('broker'));
    const ended = new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true, signal: done });
    });
    // Nobody waits for it before the consumer has joined the group.
    ended.catch(() => undefined);
    return ended;
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { messages } = payload.batch;
    for (let start = 0; start < messages.length; start += CHUNK) {
      const chunk = messages.slice(start, start + CHUNK);
      if (!(await this.#takeChunk(chunk, payload))) return;
      const last = chunk.at(-1);
      if (last !== undefined) payload.resolveOffset(last.offset);
      await payload.heartbeat();
    }
  }

  /** False when it is no longer ours to take. */
  async #takeChunk(chunk: readonly KafkaMessage[], payload: EachBatchPayload): Promise<boolean> {
    let left = chunk;
    for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      if (!payload.isRunning() || payload.isStale() || this.#stop.signal.aborted) return false;
      const outcomes = await Promise.allSettled(left.map((message) => this.#takeOne(message, payload)));
      left = left.filter((_message, index) => outcomes[index]?.status === 'rejected');
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (isUnstorable(failed?.reason)) left = await this.#takeApart(left, payload);
      if (left.length === 0) {
        this.#noteAnswer('inbox');
        return true;
      }
      this.#noteWait('inbox', failed?.reason);
      await this.#pause(pauseMs);
      // The group is told that we are alive; it throws when the partition may be somebody else's by now.
      await payload.heartbeat();
    }
  }

  /** One after the other: what is stored together fails together, alone each fails of itself. Returns those that are left. */
  async #takeApart(
    messages: readonly KafkaMessage[],
    payload: EachBatchPayload,
  ): Promise<readonly KafkaMessage[]> {
    for (const [index, message] of messages.entries()) {
      const [outcome] = await Promise.allSettled([this.#takeAlone(message, payload)]);
      if (outcome.status === 'rejected') return messages.slice(index);
      await payload.heartbeat();
    }
    return [];
  }

  async #takeAlone(message: KafkaMessage, payload: EachBatchPayload): Promise<void> {
    try {
      await this.#takeOne(message, payload);
    } catch (error) {
      if (!isUnstorable(error)) throw error;
      // It would be refused for ever, and keep up all that is behind it.
      await this.#bury(message, 'NOT_STORABLE', positionOf(message, payload));
    }
  }

  async #takeOne(message: KafkaMessage, payload: EachBatchPayload): Promise<void> {
    const { inbox, onStored, registration } = this.parts;
    if (isOfOther(message, registration)) return;
    const reading = readKafkaMessage(message.value);
    if (reading.outcome === 'unreadable')
      return this.#bury(message, reading.reason, positionOf(message, payload));
    if ((await inbox.store(reading.delivery)) === 'stored') onStored();
  }

  async #bury(message: KafkaMessage, reason: string, position: KafkaPosition): Promise<void> {
    const { publisher, topic } = this.parts;
    await publisher.publish(`${topic}.dead`, [toDeadMessage(message, reason, position)]);
    this.#metrics.unreadable();
    this.#logger.error(
      `The message at ${position.topic}/${position.partition}/${position.offset} is no webhook (${reason}) and was moved to ${topic}.dead.`,
    );
  }

  async #pause(ms: number): Promise<void> {
    try {
      await wait(ms, undefined, { signal: this.#stop.signal, ref: false });
    } catch {
      // Stopped: whoever waits looks at that next.
    }
  }

  #noteWait(waitsFor: 'broker' | 'inbox', error: unknown): void {
    if (this.#waitsFor !== waitsFor && !this.#stop.signal.aborted) {
      const what = waitsFor === 'broker' ? 'Kafka cannot be read' : 'what is in Kafka cannot be stored';
      this.#logger.error(`Webhooks wait: ${what} (${failureName(error)}). Trying again until it can.`);
    }
    this.#waitsFor = waitsFor;
  }

  #noteAnswer(waitedFor: 'broker' | 'inbox'): void {
    if (this.#waitsFor !== waitedFor) return;
    this.#waitsFor = null;
    this.#logger.log('Webhooks are taken from Kafka again.');
  }
}

function positionOf(
  { offset }: KafkaMessage,
  { batch: { topic, partition } }: EachBatchPayload,
): KafkaPosition {
  return { topic, partition, offset };
}
