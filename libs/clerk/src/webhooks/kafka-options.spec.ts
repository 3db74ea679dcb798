import { resolveOptions } from '../resolve-options.js';
import { kafkaProblems, type WebhookKafkaOptions } from './kafka-options.js';

function resolved(webhookKafka?: WebhookKafkaOptions) {
  const options = { secretKey: 'sk_test_1', ...(webhookKafka === undefined ? {} : { webhookKafka }) };
  return resolveOptions({ instance: 'default', options, env: () => undefined, hasWebhookEndpoint: false })
    .webhookKafka;
}

describe('the options for Kafka', () => {
  it('are none by default, and have a topic otherwise', () => {
    expect(resolved()).toBeNull();
    expect(resolved({ brokers: ['kafka:9092'] })).toEqual({
      brokers: ['kafka:9092'],
      topic: 'clerk.webhooks',
      connection: {},
    });
  });

  it('stop the boot when they are wrong', () => {
    expect(() => resolved({ brokers: [] })).toThrow(/webhookKafka\.brokers must be/);
  });

  it.each([
    { brokers: ['127.0.0.1:9092'] },
    { brokers: ['kafka-1.example.com:9092', '[::1]:9093'], topic: 'a' },
    { brokers: ['kafka:1'], topic: 'a'.repeat(244) },
  ])('may be %j', (options) => {
    expect(kafkaProblems(options)).toEqual([]);
  });

  it.each([
    { brokers: [] },
    { brokers: ['kafka'] },
    { brokers: ['kafka:0'] },
    { brokers: ['kafka:65536'] },
    { brokers: ['kafka:9092', 'http://kafka:9092'] },
  ])('may not be %j', (options) => {
    expect(kafkaProblems(options)).toEqual([
      expect.stringMatching(/^webhookKafka\.brokers must be host:port/),
    ]);
  });

  it.each(['', '.', '..', 'a b', 'a/b', 'a'.repeat(245)])('name no topic %j', (topic) => {
    expect(kafkaProblems({ brokers: ['kafka:9092'], topic })).toEqual([
      expect.stringMatching(/^webhookKafka\.topic must be 1 to 244/),
    ]);
  });
});
