import type { OnApplicationShutdown } from '@nestjs/common';
import type { Producer } from 'kafkajs';

import { brokerAnswer, type KafkaConnection, type KafkaMessage } from './kafka-connection.js';

/** Milliseconds that the replicas have to take a message. */
const REPLICAS_MS = 3_000;

/** Writes to topics. Connects at the first message, and again after a failure: nobody waits for a broker at boot. */
export class KafkaPublisher implements OnApplicationShutdown {
  #producer: Promise<Producer> | null = null;

  constructor(private readonly connection: KafkaConnection) {}

  /** Resolves when every replica in sync has the messages. @throws ClerkError BROKER_UNAVAILABLE within 4 s */
  async publish(topic: string, messages: readonly KafkaMessage[]): Promise<void> {
    const producer = (this.#producer ??= this.#connect());
    try {
      await brokerAnswer(this.#send(producer, topic, messages));
    } catch (error) {
      if (!isMessagesFault(error)) this.#drop(producer);
      throw error;
    }
  }

  /** Resolves while a broker answers. @throws ClerkError BROKER_UNAVAILABLE within 4 s */
  async requireBroker(): Promise<void> {
    const admin = this.connection.kafka.admin({ retry: { retries: 0 } });
    try {
      await brokerAnswer(admin.connect().then(() => admin.listTopics()));
    } finally {
      void disconnect(Promise.resolve(admin));
    }
  }

  /** After the last request was answered. */
  async onApplicationShutdown(): Promise<void> {
    const producer = this.#producer;
    if (producer !== null) await disconnect(producer);
  }

  async #send(
    connecting: Promise<Producer>,
    topic: string,
    messages: readonly KafkaMessage[],
  ): Promise<void> {
    const producer = await connecting;
    await producer.send({
      topic,
      messages: [...messages],
      acks: -1,
      timeout: REPLICAS_MS,
      compression: this.connection.gzip,
    });
  }

  async #connect(): Promise<Producer> {
    const producer = this.connection.kafka.producer({ allowAutoTopicCreation: true });
    await producer.connect();
    return producer;
  }

  /** A new producer starts from the brokers that were configured: those that this one knew may all be gone. */
  #drop(producer: Promise<Producer>): void {
    if (this.#producer === producer) this.#producer = null;
    void disconnect(producer);
  }
}

/** One that a broker will not take however often it is asked says nothing about the connection. */
function isMessagesFault(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.name === 'KafkaJSProtocolError';
}

async function disconnect(connecting: Promise<Pick<Producer, 'disconnect'>>): Promise<void> {
  try {
    const client = await connecting;
    await brokerAnswer(client.disconnect());
  } catch {
    // It never was connected, or is so no more.
  }
}
