import { randomUUID } from 'node:crypto';

import fc from 'fast-check';

import type { UserProfile } from './mirrored-user.js';
import type { SourceVersion } from './source-version.js';
import type { UserMirror } from './user-mirror.js';

const BASE_MS = 1_800_000_000_000;

type Change =
  | { readonly kind: 'upsert'; readonly version: SourceVersion; readonly firstName: string }
  | { readonly kind: 'delete'; readonly version: SourceVersion };

/** What every users table must hold to; `runs` bounds the property test. */
export function describeUserMirror(
  create: () => Promise<UserMirror> | UserMirror,
  { runs = 100 } = {},
): void {
  let mirror: UserMirror;

  beforeAll(async () => {
    mirror = await create();
  });

  const newId = () => `user_${randomUUID().replaceAll('-', '')}`;

  it('knows nothing of a user who was never written', async () => {
    expect(await mirror.find(newId())).toEqual({ outcome: 'unknown' });
  });

  it('gives back what was written, under one id of ours', async () => {
    const profile = profileOf(newId(), {
      firstName: 'Ada',
      metadata: { tier: 'PRO', deep: [1, { a: null }] },
    });
    const created = await mirror.upsert(profile, version(1));
    expect(created).toEqual({
      outcome: 'created',
      user: { ...profile, id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    const updated = await mirror.upsert({ ...profile, firstName: 'Eda', email: null }, version(2));
    expect(updated.outcome).toBe('updated');
    expect(await mirror.find(profile.clerkId)).toEqual({
      outcome: 'found',
      user: {
        ...profile,
        firstName: 'Eda',
        email: null,
        id: created.outcome === 'created' ? created.user.id : '',
      },
    });
  });

  it.each<[string, SourceVersion, string]>([
    ['an older updated_at', version(1, 9, 'z'), 'stale'],
    ['the same updated_at and an older timestamp', version(2, 1, 'z'), 'stale'],
    ['the same times and a lower delivery', version(2, 2, 'a'), 'stale'],
    ['the very same version', version(2, 2, 'b'), 'stale'],
    ['the same times and a higher delivery', version(2, 2, 'c'), 'updated'],
    ['a capital letter, which is lower as a byte', version(2, 2, 'B'), 'stale'],
    ['the same updated_at and a newer timestamp', version(2, 3, 'a'), 'updated'],
    ['a newer updated_at', version(3, 1, 'a'), 'updated'],
  ])('applies what is newer by the clock of Clerk and nothing else: %s', async (_name, next, outcome) => {
    const id = newId();
    await mirror.upsert(profileOf(id), version(2, 2, 'b'));
    expect((await mirror.upsert(profileOf(id), next)).outcome).toBe(outcome);
  });

  it('keeps a deletion for ever, whatever its version and whatever comes later', async () => {
    const id = newId();
    const created = await mirror.upsert(profileOf(id), version(5));
    const ours = created.outcome === 'created' ? created.user.id : '';
    expect(await mirror.delete(id, version(1))).toEqual({ outcome: 'deleted', id: ours });
    expect(await mirror.find(id)).toEqual({ outcome: 'deleted', deletedAt: new Date(BASE_MS + 1) });
    expect((await mirror.upsert(profileOf(id), version(9))).outcome).toBe('stale');
    expect((await mirror.delete(id, version(9))).outcome).toBe('stale');
    expect(await mirror.find(id)).toEqual({ outcome: 'deleted', deletedAt: new Date(BASE_MS + 1) });
  });

  it('leaves a tombstone for a user who was never seen', async () => {
    const id = newId();
    expect(await mirror.delete(id, version(1))).toEqual({ outcome: 'deleted', id: null });
    expect((await mirror.upsert(profileOf(id), version(9))).outcome).toBe('stale');
  });

  it('ends with the greatest of versions that are written at once', async () => {
    const id = newId();
    const versions = Array.from({ length: 20 }, (_, index) => version(((index * 7) % 20) + 1));
    await Promise.all(
      versions.map((at) => mirror.upsert(profileOf(id, { firstName: `v${at.updatedAtMs}` }), at)),
    );
    expect(await mirror.find(id)).toMatchObject({
      outcome: 'found',
      user: { firstName: `v${BASE_MS + 20}` },
    });
  });

  it('ends in the same rows for any order and any repetition of the same changes', async () => {
    const change: fc.Arbitrary<Change> = fc.record({
      kind: fc.constantFrom('upsert', 'upsert', 'upsert', 'delete'),
      version: fc
        .tuple(fc.nat(3), fc.nat(3), fc.constantFrom('', 'a', 'B', 'b'))
        .map(([updatedAt, timestamp, id]) => version(updatedAt, timestamp, id)),
      firstName: fc.constant(''),
    });
    const history = fc.array(change, { minLength: 1, maxLength: 6 }).chain((changes) => {
      // One version is one content, as with Clerk; a deletion is there once, as ids are not used again.
      const named = changes.map((one) => ({ ...one, firstName: JSON.stringify(one.version) }));
      const deletion = named.findIndex(({ kind }) => kind === 'delete');
      const once = named.filter(({ kind }, index) => kind === 'upsert' || index === deletion);
      return fc.tuple(
        fc.constant(once),
        fc.shuffledSubarray([...once, ...once], { minLength: once.length * 2 }),
      );
    });
    await fc.assert(
      fc.asyncProperty(history, async ([inOrder, shuffled]) => {
        const results = await Promise.all(
          [inOrder, shuffled].map((changes) => play(mirror, newId(), changes)),
        );
        expect(results[1]).toEqual(results[0]);
        expect(results[0]).toEqual(expectedEnd(inOrder));
      }),
      { numRuns: runs },
    );
  }, 60_000);
}

async function play(mirror: UserMirror, id: string, changes: readonly Change[]): Promise<string> {
  for (const change of changes) {
    if (change.kind === 'delete') await mirror.delete(id, change.version);
    else await mirror.upsert(profileOf(id, { firstName: change.firstName }), change.version);
  }
  const end = await mirror.find(id);
  if (end.outcome === 'found') return `found ${end.user.firstName}`;
  return end.outcome === 'deleted' ? `deleted ${end.deletedAt.getTime()}` : end.outcome;
}

/** The rule in a line: a deletion stays, else the greatest version. */
function expectedEnd(changes: readonly Change[]): string {
  const deletion = changes.find(({ kind }) => kind === 'delete');
  if (deletion !== undefined) return `deleted ${deletion.version.timestampMs}`;
  const key = ({ version: v }: Change) => [v.updatedAtMs, v.timestampMs, v.deliveryId] as const;
  const greatest = changes.toSorted((a, b) => {
    const [x, y] = [key(a), key(b)];
    return x[0] - y[0] || x[1] - y[1] || (x[2] < y[2] ? -1 : Number(x[2] > y[2]));
  });
  const last = greatest.at(-1);
  return last?.kind === 'upsert' ? `found ${last.firstName}` : 'unknown';
}

function version(updatedAt: number, timestamp = updatedAt, deliveryId = 'msg'): SourceVersion {
  return { updatedAtMs: BASE_MS + updatedAt, timestampMs: BASE_MS + timestamp, deliveryId };
}

function profileOf(clerkId: string, changes: Partial<UserProfile> = {}): UserProfile {
  return {
    clerkId,
    email: `${clerkId}@example.com`,
    firstName: 'Ada',
    lastName: null,
    username: null,
    imageUrl: null,
    isActive: true,
    metadata: {},
    createdAt: new Date(BASE_MS),
    updatedAt: new Date(BASE_MS),
    ...changes,
  };
}
