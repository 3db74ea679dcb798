import { MemoryMirror } from '../mirror/memory-mirror.js';
import { ordersOf } from '../mirror/mirror-model.contract.js';
import { accessEndedBy, applyDelivery } from './apply-delivery.js';
import { CLERK_EVENT_TYPES } from './clerk-event.js';
import { parseWebhookDelivery } from './webhook-delivery.js';

const SENT_MS = 1_800_000_000_000;

function delivery(type: string, data: unknown) {
  const body = Buffer.from(JSON.stringify({ type, data, timestamp: SENT_MS }));
  return parseWebhookDelivery(body, { id: 'msg_1', timestampMs: SENT_MS });
}

describe('what a handler is told', () => {
  const others = Object.entries(CLERK_EVENT_TYPES).flatMap(([type, how]) => (how === 'data' ? [type] : []));

  it.each(others)('%s: with the data that Clerk sent', async (type) => {
    const data = { id: 'thing_1', status: 'active', some: ['thing'] };
    const { event } = await applyDelivery(delivery(type, data), new MemoryMirror());
    expect(event).toEqual({ type, id: 'thing_1', data });
  });

  it.each(['email.created', 'sms.created'])('%s: without the message', async (type) => {
    const data = { id: 'ema_1', body: 'Your code is 424242' };
    const { event, result } = await applyDelivery(delivery(type, data), new MemoryMirror());
    expect([event, result]).toEqual([{ type, id: 'ema_1' }, 'ignored']);
  });

  it('a type that nobody knows: by its name, with its data', async () => {
    const { event } = await applyDelivery(delivery('galaxy.born', { id: 'gal_1' }), new MemoryMirror());
    expect(event).toEqual({ type: 'unknown', name: 'galaxy.born', id: 'gal_1', data: { id: 'gal_1' } });
  });

  it.each(['constructor', 'toString', '__proto__'])('nothing but its name of the type %s', async (type) => {
    const { event } = await applyDelivery(delivery(type, {}), new MemoryMirror());
    expect(event).toMatchObject({ type: 'unknown', name: type });
  });

  it('nothing of what is no event, or was wiped', async () => {
    const mirror = new MemoryMirror();
    const nonsense = parseWebhookDelivery(Buffer.from('no JSON'), { id: 'msg_1', timestampMs: SENT_MS });
    expect(await applyDelivery(nonsense, mirror)).toEqual({ result: 'ignored', event: null });
    const wiped = { ...delivery('session.created', { id: 'sess_1' }), payload: null };
    expect(await applyDelivery(wiped, mirror)).toEqual({ result: 'ignored', event: null });
  });

  it('a membership that ends: of whom and of what', async () => {
    const data = { id: 'orgmem_1', organization: { id: 'org_1' }, public_user_data: { user_id: 'user_1' } };
    const { event } = await applyDelivery(
      delivery('organizationMembership.deleted', data),
      new MemoryMirror(),
    );
    expect(event).toEqual({
      type: 'organizationMembership.deleted',
      membershipId: 'orgmem_1',
      organizationId: 'org_1',
      userId: 'user_1',
    });
  });

  it.each([
    ['user.created', { id: 'org_1', updated_at: 1 }],
    ['user.deleted', { id: 'org_1' }],
    ['organization.updated', { id: 'user_1', updated_at: 1 }],
    ['organization.deleted', {}],
    ['organizationMembership.created', { id: 'orgmem_1' }],
  ])('nothing of a malformed %s', async (type, data) => {
    const applied = await applyDelivery(delivery(type, data), new MemoryMirror());
    expect(applied).toEqual({ result: 'ignored', event: null });
  });
});

describe('a session', () => {
  const TYPES = ['session.created', 'session.ended', 'session.removed', 'session.revoked'];

  it('that has ended stays ended, whatever is told of it in any order, and each delivery is told', async () => {
    for (const order of ordersOf(TYPES)) {
      const mirror = new MemoryMirror();
      const [told, ended]: [string[], boolean[]] = [[], []];
      for (const type of [...order, order[0] ?? '']) {
        const one = delivery(type, { id: 'sess_1', user_id: 'user_1' });
        const { event, result } = await applyDelivery(one, mirror);
        told.push(event?.type ?? '');
        const access = accessEndedBy(one, result);
        ended.push(access?.kind === 'session' && access.sessionId === 'sess_1');
      }
      expect(told).toEqual([...order, order[0]]);
      expect(ended).toEqual([...order, order[0]].map((type) => type !== 'session.created'));
    }
  });
});
