import { randomBytes, randomUUID } from 'node:crypto';

import { START } from '../client/all-users.js';
import { SYNC_KINDS, type SyncKind, USER_KIND } from './sync-kind.js';
import type { SyncStore } from './sync-store.js';

const BASE_MS = 1_700_000_000_000;

/** What long jobs rely on, on any store. */
export function describeSyncStore(create: () => SyncStore): void {
  let store: SyncStore;
  let instanceId: string;
  /** Tells the rows of one test from those of the others. */
  let atMs: number;

  beforeAll(() => {
    store = create();
  });

  beforeEach(() => {
    instanceId = `ins_${randomUUID()}`;
    atMs = BASE_MS + randomBytes(4).readUInt32BE() * 1_000;
  });

  const rowOf = async (kind: SyncKind, id: string) => {
    const row = (await store.rows(kind).byIds([id])).get(id);
    if (row === undefined) throw new Error(`There is no row ${id}.`);
    return row;
  };

  describe.each(SYNC_KINDS.map((kind) => [kind.name, kind] as const))('%s', (_name, kind) => {
    it('are written once, and again when they have changed', async () => {
      const [one, other] = [objectOf(kind, atMs), objectOf(kind, atMs)];
      expect(await store.write(kind, [one, other])).toEqual({ seen: 2, created: 2, updated: 0 });
      expect(await store.write(kind, [one, other])).toEqual({ seen: 2, created: 0, updated: 0 });
      const later = { ...one, public_metadata: { later: true }, updated_at: atMs + 1 };
      expect(await store.write(kind, [later, other])).toEqual({ seen: 2, created: 0, updated: 1 });
      expect(await store.write(kind, [one])).toEqual({ seen: 1, created: 0, updated: 0 });
      expect((await rowOf(kind, one.id)).content).toMatchObject({ metadata: { later: true } });
    });

    it('are found by the time of their creation, the end excluded', async () => {
      const objects = [0, 1, 2].map((more) => objectOf(kind, atMs + more));
      const before = await store.rows(kind).count();
      await store.write(kind, objects);
      const [first, second] = objects.map(({ id }) => id);
      expect(await store.rows(kind).idsCreatedBetween(atMs, atMs + 2)).toEqual(
        expect.arrayContaining([first, second]),
      );
      expect((await store.rows(kind).idsCreatedBetween(atMs, atMs + 2)).length).toBe(2);
      expect(await store.rows(kind).idsCreatedBetween(atMs, null)).toEqual(
        expect.arrayContaining(objects.map(({ id }) => id)),
      );
      expect(await store.rows(kind).count()).toBe(before + 3);
    });

    it('with one version and two contents are marked, and listed in the order of their ids from any place on', async () => {
      const objects = [0, 1, 2].map(() => objectOf(kind, atMs));
      await store.write(kind, objects);
      const others = objects.map((object) => ({ ...object, public_metadata: { other: true } }));
      expect(await store.write(kind, others)).toEqual({ seen: 3, created: 0, updated: 0 });
      const marked = await store.rows(kind).idsNeedingRefetch('', 10_000);
      expect(marked).toEqual(expect.arrayContaining(objects.map(({ id }) => id)));
      expect(marked).toEqual(marked.toSorted());
      const [first = '', second] = marked;
      expect(await store.rows(kind).idsNeedingRefetch('', 1)).toEqual([first]);
      expect(await store.rows(kind).idsNeedingRefetch(first, 1)).toEqual([second]);
      expect(await store.rows(kind).idsNeedingRefetch(marked.at(-1) ?? '', 1)).toEqual([]);
    });

    it('that a snapshot has written are of no delivery’s time', async () => {
      const object = objectOf(kind, atMs);
      await store.write(kind, [object]);
      expect(await rowOf(kind, object.id)).toMatchObject({ isDeleted: false, timestampMs: 0 });
    });
  });

  it('a walk is one for all who open it, and of two pages at one place the first counts', async () => {
    const [one, other] = await Promise.all([store.open(instanceId), store.open(instanceId)]);
    expect(one).toEqual(other);
    const [first, second] = [objectOf(USER_KIND, atMs), objectOf(USER_KIND, atMs + 1)];
    const next = { reachedMs: atMs, seenAtReached: 1 };
    const page = { users: [first], seenBefore: 0, next, isLast: false };
    const applied = await store.applyPage(one, page);
    expect(applied).toMatchObject({
      outcome: 'applied',
      run: { position: next, counts: { seen: 1, created: 1, updated: 0 }, isFinished: false },
    });
    expect(await store.applyPage(other, { ...page, users: [second] })).toEqual({
      outcome: 'overtaken',
      run: applied.run,
    });
    expect((await store.rows(USER_KIND).byIds([second.id])).size).toBe(0);
    const last = { users: [first, second], seenBefore: 1, next, isLast: true };
    expect(await store.applyPage(applied.run, last)).toMatchObject({
      outcome: 'applied',
      run: { counts: { seen: 2, created: 2, updated: 0 }, isFinished: true },
    });
    expect((await store.open(instanceId)).position).toEqual(START);
    expect(await store.knownInstanceIds()).toContain(instanceId);
  });

  it('remembers how far an instance is reconciled, and of two the later', async () => {
    expect(await store.reconciledToMs(instanceId)).toBeNull();
    await store.noteReconciled(instanceId, atMs);
    await store.noteReconciled(instanceId, atMs + 7);
    expect(await store.reconciledToMs(instanceId)).toBe(atMs + 7);
    expect(await store.reconciledToMs(`${instanceId}x`)).toBeNull();
  });
}

/** As Clerk sends it, created and changed at `atMs`. */
function objectOf({ idKind }: SyncKind, atMs: number) {
  const id = (kind: string) => `${kind}_${randomUUID().replaceAll('-', '')}`;
  const times = { created_at: atMs, updated_at: atMs, public_metadata: {} };
  const parties = { organization: { id: id('org') }, public_user_data: { user_id: id('user') } };
  return { id: id(idKind), ...times, ...(idKind === 'orgmem' ? { ...parties, role: 'org:admin' } : {}) };
}
