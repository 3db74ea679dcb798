import { ClerkError } from '../clerk-error.js';
import { MemoryMirror } from '../mirror/memory-mirror.js';
import { MemoryStore } from '../mirror/memory-store.js';
import { MemorySyncStore } from '../sync/memory-sync-store.js';
import { applyDelivery } from './apply-delivery.js';
import type { AccessEnded } from './apply-delivery.js';
import { MemoryWebhookInbox } from './memory-webhook-inbox.js';
import { OldEvents } from './old-events.js';
import { WebhookApplier } from './webhook-applier.service.js';
import type { WebhookDelivery } from './webhook-delivery.js';

const NOW_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

const PARTIES = { organization: { id: 'org_1' }, public_user_data: { user_id: 'user_1' } };

function event(ageMs: number, changes: Partial<WebhookDelivery> = {}): WebhookDelivery {
  const timestamp = NOW_MS - ageMs;
  const { type = 'user.created', entityId = 'user_1' } = changes;
  const data = { id: entityId, first_name: 'then', name: 'then', role: 'then', updated_at: timestamp };
  return {
    id: 'msg_1',
    type,
    entityId,
    userId: 'user_1',
    timestampMs: timestamp,
    instanceId: 'ins_1',
    payload: { type, data: { ...data, ...PARTIES }, timestamp },
    ...changes,
  };
}

function createEvents(answer: () => Promise<unknown>, instanceId = 'ins_1') {
  const asked: string[] = [];
  const rows = new MemoryStore();
  const mirror = new MemoryMirror(rows);
  const clock = { nowMs: NOW_MS };
  const events = new OldEvents({
    store: new MemorySyncStore(rows),
    find: (kind, { clerkId }) => {
      asked.push(`${kind.name} ${clerkId}`);
      return answer();
    },
    fetchInstanceId: () => Promise.resolve(instanceId),
    nowMs: () => clock.nowMs,
  });
  return { current: (delivery: WebhookDelivery) => events.current(delivery), asked, mirror, clock };
}

const absent = () => Promise.resolve(null);

const KINDS = [
  ['users', 'user', 'user_1'],
  ['organizations', 'organization', 'org_1'],
  ['memberships', 'organizationMembership', 'orgmem_1'],
] as const;
const BRINGING = KINDS.flatMap(([kind, family, entityId]) =>
  ['created', 'updated'].map((verb) => [kind, `${family}.${verb}`, entityId] as const),
);

describe('an event that would bring something', () => {
  it.each<[string, WebhookDelivery]>([
    ['is an hour old', event(HOUR_MS)],
    ['is from the future', event(-HOUR_MS)],
    ['is no word of a user being there', event(60 * HOUR_MS, { type: 'user.deleted' })],
    ['is about something else', event(60 * HOUR_MS, { type: 'session.created', entityId: 'sess_1' })],
    ['says nothing any more', event(60 * HOUR_MS, { payload: null })],
    ['is a repair by what Clerk has just said', event(60 * HOUR_MS, { id: 'sync_1_user_1' })],
    ['has an id that cannot be asked for', event(60 * HOUR_MS, { entityId: 'user_../1' })],
  ])('and %s is applied as it is', async (_what, delivery) => {
    const { current, asked } = createEvents(absent);
    expect(await current(delivery)).toBe(delivery);
    expect(asked).toEqual([]);
  });

  it.each(BRINGING)(
    '(%s: %s) and is older than an hour is not applied where Clerk has it no more, and leaves nothing behind',
    async (kind, type, entityId) => {
      const { current, asked, clock, mirror } = createEvents(absent);
      const old = event(HOUR_MS + 1, { type, entityId });
      await expect(current(old)).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
      clock.nowMs += 5_000;
      expect(await current(old)).toBeNull();
      expect(asked).toEqual([`${kind} ${entityId}`, `${kind} ${entityId}`]);
      expect(await mirror[kind].find(entityId)).toEqual({ outcome: 'unknown' });
    },
  );

  it('is believed to be gone only when two looks five seconds apart find nothing', async () => {
    const { current, clock } = createEvents(absent);
    for (const afterMs of [0, 4_999]) {
      clock.nowMs = NOW_MS + afterMs;
      await expect(current(event(60 * HOUR_MS))).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
    }
    clock.nowMs = NOW_MS + 5_000;
    expect(await current(event(60 * HOUR_MS))).toBeNull();
    // Another event of it begins anew.
    await expect(current(event(60 * HOUR_MS))).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
  });

  it('is looked for twice again after it was found', async () => {
    const answers = [null, { id: 'user_1', updated_at: NOW_MS }, null];
    const { current, clock } = createEvents(() => Promise.resolve(answers.shift() ?? null));
    await expect(current(event(60 * HOUR_MS))).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
    clock.nowMs += 5_000;
    expect(await current(event(60 * HOUR_MS))).not.toBeNull();
    await expect(current(event(60 * HOUR_MS))).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
  });

  it('is not given up on the word of another instance', async () => {
    const { current, clock } = createEvents(absent, 'ins_2');
    for (const afterMs of [0, 60_000]) {
      clock.nowMs = NOW_MS + afterMs;
      const given = current(event(60 * HOUR_MS));
      await expect(given).rejects.toMatchObject({ code: 'CLERK_SECRET_KEY_REJECTED' });
    }
  });

  it.each(KINDS)('(%s) and is older than an hour brings it as Clerk has it now', async (kind, family, id) => {
    const now = { id, first_name: 'now', name: 'now', role: 'now', updated_at: NOW_MS - 5, ...PARTIES };
    const { current, mirror } = createEvents(() => Promise.resolve(now));
    const delivery = await current(event(60 * HOUR_MS, { type: `${family}.created`, entityId: id }));
    if (delivery === null) throw new Error('it was not applied');
    await applyDelivery(delivery, mirror);
    const found = JSON.stringify(await mirror[kind].find(id));
    expect(found).toContain('"now"');
    expect(found).toContain(new Date(NOW_MS - 5).toISOString());
  });

  it('takes the access away of whom Clerk says now that he is banned', async () => {
    const banned = { id: 'user_1', banned: true, updated_at: NOW_MS - 5, email_addresses: [] };
    const { current, mirror } = createEvents(() => Promise.resolve(banned));
    const inbox = new MemoryWebhookInbox(mirror, { nowMs: () => NOW_MS });
    const ended: AccessEnded[] = [];
    const applier = new WebhookApplier({
      inbox,
      current,
      onEvent: () => Promise.resolve(),
      onAccessEnded: async (one) => void ended.push(one),
    });
    await inbox.store(event(60 * HOUR_MS));
    applier.onApplicationBootstrap();
    await applier.idle();
    await applier.onModuleDestroy();
    expect(ended).toEqual([{ kind: 'user', userId: 'user_1', atMs: NOW_MS - 5, isDeleted: false }]);
  });

  it('is not asked about where the database knows it, living or deleted', async () => {
    const { current, asked, mirror } = createEvents(absent);
    await applyDelivery(event(1), mirror);
    expect(await current(event(60 * HOUR_MS))).not.toBeNull();
    await applyDelivery(event(0, { type: 'user.deleted' }), mirror);
    expect(await current(event(60 * HOUR_MS))).not.toBeNull();
    expect(asked).toEqual([]);
  });

  it('waits where Clerk cannot say', async () => {
    const { current } = createEvents(() => Promise.reject(new ClerkError('CLERK_UNAVAILABLE', 'down')));
    await expect(current(event(60 * HOUR_MS))).rejects.toMatchObject({ code: 'CLERK_UNAVAILABLE' });
  });
});
