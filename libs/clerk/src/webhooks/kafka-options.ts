import type { KafkaConfig } from 'kafkajs';

/** Which Kafka the webhooks go through. Needs the package `kafkajs`. */
export interface WebhookKafkaOptions {
  /** `host:port`, one or several of one cluster. */
  readonly brokers: readonly string[];
  /** @default 'clerk.webhooks' */
  readonly topic?: string;
  /** What else the connection needs, as kafkajs takes it. */
  readonly connection?: Pick<KafkaConfig, 'ssl' | 'sasl' | 'socketFactory'>;
}

export type ResolvedKafkaOptions = Required<WebhookKafkaOptions>;

export const DEFAULT_TOPIC = 'clerk.webhooks';

/** Room for `.dead` in the 249 characters that a name may have. https://kafka.apache.org/documentation/#multitenancy-topic-naming */
const TOPIC = /^[a-zA-Z0-9._-]{1,244}$/;
const BROKER = /^(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/;

/** What is wrong with the options, fit to be printed. */
export function kafkaProblems({ brokers, topic = DEFAULT_TOPIC }: WebhookKafkaOptions): string[] {
  const problems: string[] = [];
  const isList = Array.isArray(brokers) && brokers.length > 0;
  if (!isList || !brokers.every(isBroker))
    problems.push('webhookKafka.brokers must be host:port, one or several, such as kafka-1:9092');
  if (typeof topic !== 'string' || !TOPIC.test(topic) || /^\.{1,2}$/.test(topic))
    problems.push('webhookKafka.topic must be 1 to 244 letters, digits, dots, dashes and underscores');
  return problems;
}

function isBroker(broker: unknown): boolean {
  if (typeof broker !== 'string') return false;
  const port = Number(BROKER.exec(broker)?.[1] ?? 0);
  return port > 0 && port <= 65_535;
}
