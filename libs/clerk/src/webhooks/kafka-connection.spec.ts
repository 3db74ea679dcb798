import { brokerAnswer, loadKafka } from './kafka-connection.js';

describe('Kafka', () => {
  it('without its package stops the boot, and says what to install', async () => {
    const options = { brokers: ['127.0.0.1:1'], topic: 'a', connection: {} };
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(loadKafka(options, () => Promise.reject(missing))).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('npm install kafkajs'),
      cause: missing,
    });
  });

  it('that gives no answer in time is unavailable', async () => {
    await expect(brokerAnswer(new Promise(() => undefined), 10)).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
    });
  });

  it('that fails is unavailable, for whatever reason', async () => {
    const cause = new TypeError('kafkajs');
    await expect(brokerAnswer(Promise.reject(cause))).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      cause,
    });
  });
});
