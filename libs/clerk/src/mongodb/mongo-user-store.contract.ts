import { randomUUID } from 'node:crypto';

import fc from 'fast-check';

import { MemoryUserMirror } from '../users/memory-user-mirror.js';
import type { UserProfile } from '../users/mirrored-user.js';
import type { SourceVersion } from '../users/source-version.js';
import { describeUserMirror } from '../users/user-mirror.contract.js';
import type { UserMirror } from '../users/user-mirror.js';
import type { MongoUserCollection } from './mongo-user-collection.js';
import { MongoUserRows } from './mongo-user-rows.js';
import { MongoUserStore } from './mongo-user-store.js';

const BASE_MS = 1_800_000_000_000;

type Change =
  | { readonly kind: 'upsert'; readonly version: SourceVersion; readonly profile: Partial<UserProfile> }
  | { readonly kind: 'delete'; readonly version: SourceVersion };

/** What the users in a collection must hold to, whatever evaluates the pipelines; `runs` bounds the property tests. */
export function describeMongoUserStore(create: () => MongoUserCollection, { runs = 100 } = {}): void {
  let collection: MongoUserCollection;
  let store: MongoUserStore;

  beforeAll(() => {
    collection = create();
    store = new MongoUserStore(collection);
  });

  describeUserMirror(() => new MongoUserStore(create()), { runs });

  const isInDoubt = async (id: string) => (await store.listInDoubt(10_000)).includes(id);

  it('says after each change of any history what the users in memory say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const id = newId();
        const told = await tell(store, id, changes);
        expect(told).toEqual(await tell(new MemoryUserMirror(), id, changes));
      }),
      { numRuns: runs },
    );
  }, 60_000);

  it('gives back texts and keys that look like expressions as they were', async () => {
    const profile = profileOf(newId(), {
      email: '$email',
      firstName: '$$ROOT',
      lastName: '{"$literal":1}',
      username: '$$REMOVE',
      metadata: { 'a.b': { $set: { '$x.y': '$version' } }, $literal: ['$_id', { '': null }], 'ü\n"': 1.5 },
    });
    const at = version(1, 1, '$version.deliveryId');
    expect(await store.upsert(profile, at)).toMatchObject({ outcome: 'created', user: profile });
    expect(await collection.findOne({ _id: profile.clerkId }, {})).toMatchObject({ version: at });
    expect(await store.upsert(profile, at)).toEqual({ outcome: 'stale' });
    expect(await store.upsert(profile, version(1, 1, '$'))).toEqual({ outcome: 'stale' });
    expect(await store.find(profile.clerkId)).toMatchObject({ outcome: 'found', user: profile });
    expect(await isInDoubt(profile.clerkId)).toBe(false);
  });

  it('gives back metadata of a hundred levels', async () => {
    let metadata: UserProfile['metadata'] = {};
    for (let level = 1; level < 100; level += 1) metadata = { deeper: metadata };
    const profile = profileOf(newId(), { metadata });
    await store.upsert(profile, version(1));
    expect(await store.find(profile.clerkId)).toMatchObject({ outcome: 'found', user: { metadata } });
  });

  it('tells of a creation with the first delivery, also where a snapshot came before', async () => {
    const id = newId();
    const outcomes: string[] = [];
    for (const [at, delivery] of ['', '', 'msg_a', 'msg_b', ''].entries())
      outcomes.push((await store.upsert(profileOf(id), version(at, at, delivery))).outcome);
    expect(outcomes).toEqual(['created', 'updated', 'created', 'updated', 'updated']);
  });

  it('leaves nothing of a deleted user but ids and the time', async () => {
    const id = newId();
    await store.upsert(profileOf(id, { email: 'ada@example.com', metadata: { a: 1 } }), version(1));
    await store.delete(id, version(2));
    expect(await collection.findOne({ _id: id }, {})).toEqual({
      _id: id,
      state: 'deleted',
      deletedAt: new Date(BASE_MS + 2),
    });
  });

  it('makes one document, once, of what is written at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = newId();
      const writes = Array.from({ length: 8 }, (_, at) => store.upsert(profileOf(id), version(at)));
      const outcomes = (await Promise.all(writes)).map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    }
  });

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('doubts two states of one time, %s before %s, until a later one comes', async (...order) => {
    const id = newId();
    for (const firstName of order) await store.upsert(profileOf(id, { firstName }), version(5, 5, firstName));
    expect(await store.find(id)).toMatchObject({ outcome: 'found', user: { firstName: 'b' } });
    expect(await isInDoubt(id)).toBe(true);
    // What agrees with the newer of the two settles nothing.
    await store.upsert(profileOf(id, { firstName: 'b' }), version(5, 6, 'c'));
    expect(await isInDoubt(id)).toBe(true);
    await store.upsert(profileOf(id, { firstName: 'c' }), version(6));
    expect(await isInDoubt(id)).toBe(false);
  });

  it('ends the doubt with a repair of the same time, and with a deletion', async () => {
    const id = newId();
    for (const msg of ['msg_a', 'msg_b', 'sync_1'])
      await store.upsert(profileOf(id, { firstName: msg }), version(5, 5, msg));
    expect(await isInDoubt(id)).toBe(false);
    await store.upsert(profileOf(id), version(5, 6));
    expect(await isInDoubt(id)).toBe(true);
    await store.delete(id, version(7));
    expect(await isInDoubt(id)).toBe(false);
  });

  it('does not doubt what says the same with its keys in another order', async () => {
    const id = newId();
    const orders = [
      { a: 1, b: [{ c: 2, d: 3 }] },
      { b: [{ d: 3, c: 2 }], a: 1 },
    ];
    for (const [at, metadata] of orders.entries())
      await store.upsert(profileOf(id, { metadata }), version(5, at));
    expect(await isInDoubt(id)).toBe(false);
  });

  it('lists at most so many in doubt, and none when none are asked for', async () => {
    for (const id of [newId(), newId()])
      for (const firstName of ['a', 'b'])
        await store.upsert(profileOf(id, { firstName }), version(5, 5, firstName));
    expect(await store.listInDoubt(1)).toHaveLength(1);
    expect(await store.listInDoubt(0)).toEqual([]);
    expect(new Set(await store.listInDoubt(2)).size).toBe(2);
  });

  it('lists who has a value in a field and is not deleted', async () => {
    const rows = new MongoUserRows(collection, { w: 'majority' });
    const [ada, ben, username] = [newId(), newId(), `$${randomUUID()}`];
    for (const id of [ada, ben]) await rows.upsert(profileOf(id, { username }), version(1));
    await rows.delete(ben, version(2));
    expect((await rows.listBy('username', username)).map(({ clerkId }) => clerkId)).toEqual([ada]);
    expect((await rows.listBy('clerkId', ada)).map(({ clerkId }) => clerkId)).toEqual([ada]);
    expect(await rows.listBy('clerkId', ben)).toEqual([]);
  });
}

/** Few values of each, so that ties, snapshots, repairs and differences at one time are among them. */
const change: fc.Arbitrary<Change> = fc
  .record({
    kind: fc.constantFrom('upsert' as const, 'upsert' as const, 'upsert' as const, 'delete' as const),
    version: fc
      .tuple(fc.nat(2), fc.nat(2), fc.constantFrom('', 'B', 'msg_a', 'msg_b', 'sync_1', 'sync_2'))
      .map(([updatedAt, timestamp, id]) => version(updatedAt, timestamp, id)),
    profile: fc.constantFrom<Partial<UserProfile>>(
      {},
      { firstName: null },
      { isActive: false },
      { metadata: { a: 1 } },
      { updatedAt: new Date(BASE_MS + 1) },
    ),
  })
  .filter(({ kind, version: { deliveryId } }) => kind === 'upsert' || deliveryId !== '');

/** The outcome of each change, and what is there after it. Our ids are left out: each mirror makes its own. */
async function tell(mirror: UserMirror, id: string, changes: readonly Change[]): Promise<unknown[]> {
  const told: unknown[] = [];
  for (const one of changes) {
    const done =
      one.kind === 'delete'
        ? await mirror.delete(id, one.version)
        : await mirror.upsert(profileOf(id, one.profile), one.version);
    const isInDoubt = (await mirror.listInDoubt(10_000)).includes(id);
    told.push({ outcome: done.outcome, found: withoutOwnId(await mirror.find(id)), isInDoubt });
  }
  return told;
}

function withoutOwnId(found: Awaited<ReturnType<UserMirror['find']>>): unknown {
  return found.outcome === 'found' ? { ...found, user: { ...found.user, id: null } } : found;
}

function newId(): string {
  return `user_${randomUUID().replaceAll('-', '')}`;
}

function version(updatedAt: number, timestamp = updatedAt, deliveryId = 'msg'): SourceVersion {
  return { updatedAtMs: BASE_MS + updatedAt, timestampMs: BASE_MS + timestamp, deliveryId };
}

function profileOf(clerkId: string, changes: Partial<UserProfile> = {}): UserProfile {
  const names = { email: null, firstName: 'Ada', lastName: null, username: null, imageUrl: null };
  const times = { createdAt: new Date(BASE_MS), updatedAt: new Date(BASE_MS) };
  return { clerkId, ...names, isActive: true, metadata: {}, ...times, ...changes };
}
