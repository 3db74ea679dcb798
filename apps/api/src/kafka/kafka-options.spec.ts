import { EnvironmentError, readEnvironment } from '../config/environment.js';

describe('Kafka in the environment', () => {
  it('is not there unless brokers are named', () => {
    expect(readEnvironment({}).kafka).toBeNull();
    expect(readEnvironment({ KAFKA_BROKERS: '', KAFKA_TOPIC: 'events' }).kafka).toBeNull();
  });

  it('is one broker or several, and a topic where one is named', () => {
    expect(readEnvironment({ KAFKA_BROKERS: '127.0.0.1:9092' }).kafka).toEqual({
      brokers: ['127.0.0.1:9092'],
    });
    expect(readEnvironment({ KAFKA_BROKERS: 'a:9092, b:9093', KAFKA_TOPIC: 'events' }).kafka).toEqual({
      brokers: ['a:9092', 'b:9093'],
      topic: 'events',
    });
  });

  it.each([
    [{ KAFKA_BROKERS: 'kafka' }, 'KAFKA_BROKERS must be host:port'],
    [{ KAFKA_BROKERS: 'http://kafka:9092' }, 'KAFKA_BROKERS must be host:port'],
    [{ KAFKA_BROKERS: 'a:1,' }, 'KAFKA_BROKERS must be host:port'],
    [{ KAFKA_TOPIC: 'a b' }, 'KAFKA_TOPIC must be letters'],
  ])('that is %j stops the boot', (env, problem) => {
    expect(() => readEnvironment(env)).toThrow(EnvironmentError);
    expect(() => readEnvironment(env)).toThrow(problem);
  });
});
