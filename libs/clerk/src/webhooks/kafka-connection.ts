import type { Kafka, Message } from 'kafkajs';

import { ClerkError } from '../clerk-error.js';
import type { ResolvedKafkaOptions } from './kafka-options.js';
import { withDeadline } from '../deadline.js';

/** With the time that the request itself takes this stays below the 5 s in which a webhook must be answered, milliseconds. */
export const BROKER_ANSWER_MS = 3_500;

const CLIENT = {
  connectionTimeout: 1_000,
  requestTimeout: 3_000,
  // A topic that is made by its first message has no leader for a moment.
  retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 500 },
} as const;

/** kafkajs as far as it is used, loaded only where somebody wants Kafka. */
export interface KafkaConnection {
  readonly kafka: Kafka;
  readonly gzip: number;
}

/** @throws ClerkError OPTIONS_INVALID when the package is not there */
export async function loadKafka(
  { brokers, connection }: ResolvedKafkaOptions,
  load: () => Promise<typeof import('kafkajs')> = () => import('kafkajs'),
): Promise<KafkaConnection> {
  const { Kafka, CompressionTypes, logLevel } = await load().catch((cause: unknown) => {
    throw new ClerkError(
      'OPTIONS_INVALID',
      'webhookKafka needs the package kafkajs, which cannot be loaded: npm install kafkajs',
      { cause },
    );
  });
  const kafka = new Kafka({
    ...CLIENT,
    ...connection,
    clientId: 'nest-clerk',
    brokers: [...brokers],
    // What it would say we say ourselves, once for each outage.
    logLevel: logLevel.NOTHING,
  });
  return { kafka, gzip: CompressionTypes.GZIP };
}

export type KafkaMessage = Pick<Message, 'key' | 'value' | 'headers'>;

/**
 * The broker's answer, or a failure that says it cannot answer. What is given up may still take effect later.
 *
 * @throws ClerkError BROKER_UNAVAILABLE when the call fails or takes longer than `timeoutMs`
 */
export async function brokerAnswer<T>(call: Promise<T>, timeoutMs = BROKER_ANSWER_MS): Promise<T> {
  try {
    return await withDeadline(call, timeoutMs, () => brokerUnavailable(`gave no answer in ${timeoutMs} ms`));
  } catch (cause) {
    throw cause instanceof ClerkError && cause.code === 'BROKER_UNAVAILABLE'
      ? cause
      : brokerUnavailable('refused or failed', cause);
  }
}

function brokerUnavailable(what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'BROKER_UNAVAILABLE',
    `Kafka ${what}. Check that its brokers run and are reachable.`,
    { cause },
  );
}
