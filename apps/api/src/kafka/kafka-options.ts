import type { WebhookKafkaOptions } from 'nest-clerk';

export type KafkaOptions = WebhookKafkaOptions;

/** What KAFKA_BROKERS and KAFKA_TOPIC say; null without brokers. */
export function kafkaOptions(brokers: string | undefined, topic: string | undefined): KafkaOptions | null {
  if (brokers === undefined) return null;
  const list = brokers.split(',').map((broker) => broker.trim());
  return topic === undefined ? { brokers: list } : { brokers: list, topic };
}
