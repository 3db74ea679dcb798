import { isOfOther, readKafkaMessage, toDeadMessage, toKafkaMessage } from './kafka-message.js';
import type { WebhookDelivery } from './webhook-delivery.js';

const DELIVERY: WebhookDelivery = {
  id: 'msg_1',
  type: 'user.created',
  entityId: 'user_1',
  userId: 'user_1',
  timestampMs: 1_800_000_000_000,
  instanceId: 'ins_1',
  payload: { type: 'user.created', data: { id: 'user_1', first_name: 'Ånna' } },
};
const written = (changes: object) => JSON.stringify({ ...DELIVERY, ...changes });

describe('a message in Kafka', () => {
  it.each<[string, Partial<WebhookDelivery>]>([
    ['about somebody', {}],
    ['about nobody', { entityId: null, userId: null, instanceId: null }],
    ['without a body', { payload: null }],
  ])('is the delivery %s again when it is read', (_what, changes) => {
    const delivery = { ...DELIVERY, ...changes };
    const { value } = toKafkaMessage(delivery, 'default');
    expect(readKafkaMessage(value)).toEqual({ outcome: 'delivery', delivery });
    expect(readKafkaMessage(Buffer.from(String(value)))).toEqual({ outcome: 'delivery', delivery });
  });

  it('has the id of the entity as its key, else its own', () => {
    expect(toKafkaMessage(DELIVERY, 'default').key).toBe('user_1');
    expect(toKafkaMessage({ ...DELIVERY, entityId: null }, 'default').key).toBe('msg_1');
  });

  it('is for the registration that it names, or for all', () => {
    const message = toKafkaMessage(DELIVERY, 'staff');
    expect(isOfOther(message, 'staff')).toBe(false);
    expect(isOfOther(message, 'default')).toBe(true);
    // As a broker gives it.
    expect(isOfOther({ headers: { 'clerk-registration': Buffer.from('staff') } }, 'staff')).toBe(false);
    expect(isOfOther({}, 'default')).toBe(false);
  });

  it('keeps nothing that a delivery does not have, and nothing that no database stores', () => {
    const reading = readKafkaMessage(written({ more: 1, payload: { data: 'a\u0000b' } }));
    expect(reading).toEqual({
      outcome: 'delivery',
      delivery: { ...DELIVERY, payload: { data: 'a\ufffdb' } },
    });
  });

  it.each<[string, string | null, string]>([
    ['nothing', null, 'NOT_JSON'],
    ['empty', '', 'NOT_JSON'],
    ['half of it', written({}).slice(0, 40), 'NOT_JSON'],
    ['null', 'null', 'NOT_A_DELIVERY'],
    ['a list', '[]', 'NOT_A_DELIVERY'],
    ['no id', written({ id: undefined }), 'NOT_A_DELIVERY'],
    ['an id with a space', written({ id: 'msg 1' }), 'NOT_A_DELIVERY'],
    ['an id that is too long', written({ id: 'a'.repeat(257) }), 'NOT_A_DELIVERY'],
    ['no type', written({ type: '' }), 'NOT_A_DELIVERY'],
    ['an endless type', written({ type: 'a'.repeat(1_001) }), 'NOT_A_DELIVERY'],
    ['an entity that is no text', written({ entityId: {} }), 'NOT_A_DELIVERY'],
    ['an endless entity', written({ entityId: 'a'.repeat(1_001) }), 'NOT_A_DELIVERY'],
    ['an entity of too many bytes', written({ entityId: '一'.repeat(334) }), 'NOT_A_DELIVERY'],
    ['a user that is left out', written({ userId: undefined }), 'NOT_A_DELIVERY'],
    ['an instance that is a number', written({ instanceId: 1 }), 'NOT_A_DELIVERY'],
    ['a time that is text', written({ timestampMs: '1' }), 'NOT_A_DELIVERY'],
    ['a time that no database has', written({ timestampMs: 1e300 }), 'NOT_A_DELIVERY'],
    ['a body that is a list', written({ payload: [] }), 'NOT_A_DELIVERY'],
    ['no body', written({ payload: undefined }), 'NOT_A_DELIVERY'],
  ])('that is %s is told so, and nothing is thrown', (_what, value, reason) => {
    expect(readKafkaMessage(value)).toEqual({ outcome: 'unreadable', reason });
  });

  it('that is moved aside is what it was, with the reason and its place', () => {
    const message = { key: 'k', value: 'not json', headers: { trace: '1' } };
    const position = { topic: 'clerk.webhooks', partition: 3, offset: '17' };
    expect(toDeadMessage(message, 'NOT_JSON', position)).toEqual({
      key: 'k',
      value: 'not json',
      headers: {
        trace: '1',
        'dead-reason': 'NOT_JSON',
        'dead-topic': 'clerk.webhooks',
        'dead-partition': '3',
        'dead-offset': '17',
      },
    });
  });
});
