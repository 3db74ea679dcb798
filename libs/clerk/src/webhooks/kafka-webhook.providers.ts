import type { Provider } from '@nestjs/common';

import type { ResolvedOptions } from '../clerk.options.js';
import { OPTIONS, STORAGE } from '../clerk.tokens.js';
import type { Storage } from '../storage.js';
import { type KafkaConnection, loadKafka } from './kafka-connection.js';
import { KafkaPublisher } from './kafka-publisher.js';
import { KafkaWebhookConsumer } from './kafka-webhook-consumer.js';
import { KafkaWebhookInbox } from './kafka-webhook-inbox.js';
import { WebhookApplier } from './webhook-applier.service.js';
import { WebhookWakeups } from './webhook-wakeups.js';

/** `KafkaConnection`, or null without Kafka. */
const CONNECTION = Symbol('nest-clerk.kafka-connection');

/** Between the endpoint and the inbox. All of them are null without Kafka. */
export const kafkaWebhookProviders: Provider[] = [
  {
    provide: CONNECTION,
    inject: [OPTIONS],
    useFactory: ({ webhookKafka }: ResolvedOptions) =>
      webhookKafka === null ? null : loadKafka(webhookKafka),
  },
  {
    provide: KafkaPublisher,
    inject: [CONNECTION],
    useFactory: (connection: KafkaConnection | null) =>
      connection === null ? null : new KafkaPublisher(connection),
  },
  {
    provide: KafkaWebhookInbox,
    inject: [OPTIONS, KafkaPublisher, STORAGE],
    useFactory: (
      { webhookKafka, instance }: ResolvedOptions,
      publisher: KafkaPublisher | null,
      { inbox }: Storage,
    ) =>
      webhookKafka === null || publisher === null
        ? null
        : new KafkaWebhookInbox({ publisher, topic: webhookKafka.topic, registration: instance, inbox }),
  },
  {
    provide: KafkaWebhookConsumer,
    inject: [OPTIONS, CONNECTION, KafkaPublisher, STORAGE, WebhookApplier, WebhookWakeups],
    useFactory: (
      options: ResolvedOptions,
      connection: KafkaConnection | null,
      ...[publisher, { inbox }, applier, wakeups]: [
        KafkaPublisher | null,
        Storage,
        WebhookApplier,
        WebhookWakeups | null,
      ]
    ) => {
      const { webhookKafka, database, instance, webhookMetrics } = options;
      // What a process without a database takes from the topic is gone when it ends: such a one only receives.
      if (webhookKafka === null || connection === null || publisher === null || database === null)
        return null;
      return new KafkaWebhookConsumer({
        connection,
        publisher,
        topic: webhookKafka.topic,
        registration: instance,
        inbox,
        onStored: () => {
          applier.wake();
          wakeups?.notify();
        },
        metrics: webhookMetrics,
      });
    },
  },
];
