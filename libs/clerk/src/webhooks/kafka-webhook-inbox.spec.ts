import type { KafkaMessage } from './kafka-connection.js';
import { KafkaWebhookInbox } from './kafka-webhook-inbox.js';
import { MemoryMirror } from '../mirror/memory-mirror.js';
import { MemoryWebhookInbox } from './memory-webhook-inbox.js';
import type { WebhookDelivery } from './webhook-delivery.js';

const delivery = (id: string): WebhookDelivery => ({
  id,
  type: 'role.created',
  entityId: 'role_1',
  userId: null,
  timestampMs: 1,
  instanceId: null,
  payload: {},
});

describe('an inbox behind Kafka', () => {
  const memory = () => new MemoryWebhookInbox(new MemoryMirror(), { nowMs: Date.now });
  const behind = (publish: (topic: string, messages: readonly KafkaMessage[]) => Promise<void>) =>
    new KafkaWebhookInbox({
      publisher: { publish, requireBroker: () => Promise.resolve() },
      topic: 'clerk.webhooks',
      registration: 'default',
      inbox: memory(),
    });

  it('publishes together what comes together, in its order, and puts nothing into the inbox itself', async () => {
    const published: [string, (string | undefined)[]][] = [];
    const inbox = behind(async (topic, messages) => {
      published.push([topic, messages.map(({ value }) => JSON.parse(String(value)).id)]);
    });
    const ids = ['msg_1', 'msg_2', 'msg_3'];
    expect(await Promise.all(ids.map((id) => inbox.store(delivery(id))))).toEqual(ids.map(() => 'stored'));
    expect(published).toEqual([['clerk.webhooks', ids]]);
    expect(await inbox.claim('fresh', 10)).toEqual([]);
    expect((await inbox.backlog()).pending).toBe(0);
  });

  it('refuses those alone that the broker refuses', async () => {
    const inbox = behind(async (_topic, messages) => {
      if (messages.some(({ value }) => String(value).includes('msg_large'))) throw new Error('too large');
    });
    const [large, small] = await Promise.allSettled([
      inbox.store(delivery('msg_large')),
      inbox.store(delivery('msg_small')),
    ]);
    expect(large).toMatchObject({ status: 'rejected', reason: { code: 'BROKER_UNAVAILABLE' } });
    expect(small).toEqual({ status: 'fulfilled', value: 'stored' });
  });

  it('takes no more than it can keep while the broker is slow, and says that it is the broker', async () => {
    const inbox = behind(() => new Promise(() => undefined));
    const waiting = Array.from({ length: 2_300 }, (_, index) => inbox.store(delivery(`msg_${index}`)));
    const first = await Promise.race(
      waiting.map((one) =>
        one.then(
          () => null,
          (error: unknown) => error,
        ),
      ),
    );
    expect(first).toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      cause: { message: expect.stringMatching(/Too many/) },
    });
    await Promise.allSettled(waiting);
  });
});
