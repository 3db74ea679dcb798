import { randomUUID } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import type { UserMirror } from '../users/user-mirror.js';
import { applyDelivery as applyToMirror } from './apply-delivery.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import type { ApplyDelivery, WebhookInbox } from './webhook-inbox.js';

export interface InboxUnderTest {
  readonly inbox: WebhookInbox;
  readonly users: UserMirror;
  /** The stored body of a delivery, or null. */
  readonly payloadOf?: (id: string) => Promise<unknown>;
  /** Parks a delivery as dead, as its last failure does. */
  readonly bury?: (id: string) => Promise<unknown>;
}

const BASE_MS = 1_800_000_000_000;

const applyDelivery: ApplyDelivery = async (delivery, mirror) =>
  (await applyToMirror(delivery, mirror)).result;

/** What every inbox must hold to. */
export function describeWebhookInbox(create: () => Promise<InboxUnderTest> | InboxUnderTest): void {
  let inbox: WebhookInbox;
  let users: UserMirror;
  let payloadOf: InboxUnderTest['payloadOf'];
  let bury: InboxUnderTest['bury'];

  // Anew for each: what failed in one test is due again some seconds later.
  beforeEach(async () => {
    ({ inbox, users, payloadOf, bury } = await create());
  });

  const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;

  function delivery(type: string, clerkId: string, at = 1): WebhookDelivery {
    const data = { id: clerkId, updated_at: BASE_MS + at, first_name: `at ${at}`, email_addresses: [] };
    return {
      id: newId('msg'),
      type,
      entityId: clerkId,
      userId: clerkId,
      timestampMs: BASE_MS + at,
      instanceId: 'ins_1',
      payload: { type, data, timestamp: BASE_MS + at },
    };
  }

  async function drain(apply: ApplyDelivery = applyDelivery): Promise<number> {
    for (let handled = 0; ; handled += 1) {
      const step = await inbox.drainOne(apply);
      if (step.outcome !== 'handled') return handled;
    }
  }

  it('takes a delivery once, however often it is stored, and says so', async () => {
    const one = delivery('user.created', newId('user'));
    const stored = await Promise.all([inbox.store(one), inbox.store(one), inbox.store(one)]);
    expect(stored.toSorted()).toEqual(['duplicate', 'duplicate', 'stored']);
    expect(await drain()).toBe(1);
    expect(await inbox.store(one)).toBe('duplicate');
    expect(await drain()).toBe(0);
  });

  it('hands a delivery over as it was stored, and applies it to the users', async () => {
    const clerkId = newId('user');
    const one = delivery('user.created', clerkId);
    await inbox.store(one);
    const seen: WebhookDelivery[] = [];
    await drain((given, mirror) => {
      seen.push(given);
      return applyDelivery(given, mirror, null);
    });
    expect(seen).toEqual([one]);
    expect(await users.find(clerkId)).toMatchObject({ outcome: 'found', user: { firstName: 'at 1' } });
  });

  it('keeps nothing of a delivery that fails, and does not try it again at once', async () => {
    const clerkId = newId('user');
    await inbox.store(delivery('user.created', clerkId));
    const step = await inbox.drainOne(async (given, mirror) => {
      await applyDelivery(given, mirror, null);
      throw new Error('the handler failed');
    });
    expect(step).toMatchObject({ outcome: 'failed', attempts: 1, isDead: false });
    expect(await users.find(clerkId)).toEqual({ outcome: 'unknown' });
    expect(await drain()).toBe(0);
  });

  it('does not count what an outage has stopped, and tries it again later', async () => {
    const clerkId = newId('user');
    const one = delivery('user.created', clerkId);
    await inbox.store(one);
    const cause = new ClerkError('CLERK_UNAVAILABLE', 'Clerk is down.');
    const step = await inbox.drainOne(async (given, mirror) => {
      await applyDelivery(given, mirror, null);
      throw cause;
    });
    expect(step).toEqual({ outcome: 'postponed', deliveryId: one.id, cause });
    expect(await users.find(clerkId)).toEqual({ outcome: 'unknown' });
    expect(await drain()).toBe(0);
    expect((await inbox.backlog()).pending).toBe(1);
  });

  it('gives a delivery to one of those who drain at once', async () => {
    const ids = Array.from({ length: 10 }, () => delivery('user.created', newId('user')));
    for (const one of ids) await inbox.store(one);
    const seen: string[] = [];
    const apply: ApplyDelivery = async (given, mirror) => {
      seen.push(given.id);
      return applyDelivery(given, mirror, null);
    };
    await Promise.all([drain(apply), drain(apply), drain(apply)]);
    await drain(apply);
    expect(seen.toSorted()).toEqual(ids.map(({ id }) => id).toSorted());
  });

  it('takes a delivery again that was parked as dead and is sent again', async () => {
    if (bury === undefined) return;
    const one = delivery('user.created', newId('user'));
    await inbox.store(one);
    await bury(one.id);
    expect(await drain()).toBe(0);
    expect(await inbox.store(one)).toBe('stored');
    expect(await drain()).toBe(1);
  });

  it('wipes what it holds of a user who is deleted, before and after', async () => {
    const clerkId = newId('user');
    const deliveries = [
      delivery('user.created', clerkId, 1),
      delivery('user.deleted', clerkId, 2),
      delivery('user.updated', clerkId, 3),
      { ...delivery('session.ended', newId('sess'), 4), userId: clerkId },
    ];
    for (const one of deliveries) {
      await inbox.store(one);
      await drain();
    }
    expect(await users.find(clerkId)).toMatchObject({ outcome: 'deleted' });
    if (payloadOf === undefined) return;
    for (const { id } of deliveries) expect(await payloadOf(id)).toBeNull();
  });

  it('hands over nothing of what comes of a user who is deleted', async () => {
    const clerkId = newId('user');
    await inbox.store(delivery('user.deleted', clerkId, 1));
    await drain();
    await inbox.store({ ...delivery('session.created', newId('sess'), 2), userId: clerkId });
    const payloads: unknown[] = [];
    await drain((given, mirror) => {
      payloads.push(given.payload);
      return applyDelivery(given, mirror, null);
    });
    expect(payloads).toEqual([null]);
  });

  it('answers that nothing is due when nothing is', async () => {
    for (const one of [1, 2]) await inbox.store(delivery('user.created', newId('user'), one));
    await drain();
    await inbox.store(delivery('user.created', newId('user'), 3));
    await drain(() => Promise.reject(new ClerkError('CLERK_UNAVAILABLE', 'Clerk is down.')));
    expect(await inbox.drainOne(() => Promise.reject(new Error('nothing was due')))).toEqual({
      outcome: 'idle',
    });
  });
}
