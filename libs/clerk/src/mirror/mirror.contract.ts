import { randomUUID } from 'node:crypto';

import { currentMemberships } from '../organizations/current-memberships.js';
import type { MirroredMembership } from '../organizations/mirrored-membership.js';
import type { MirroredOrganization } from '../organizations/mirrored-organization.js';
import type { UserProfile } from '../users/mirrored-user.js';
import type { SourceVersion } from '../users/source-version.js';
import type { Mirror } from './mirror.js';

export interface MirrorUnderTest {
  readonly mirror: Mirror;
  /** Does all of `work` or nothing. */
  readonly transaction: <T>(work: (mirror: Mirror) => Promise<T>) => Promise<T>;
}

const BASE_MS = 1_800_000_000_000;

/** What organisations, memberships and subscriptions must hold to, on any store, beside what users must. */
export function describeMirror(create: () => MirrorUnderTest): void {
  let mirror: Mirror;
  let transaction: MirrorUnderTest['transaction'];

  beforeAll(() => {
    ({ mirror, transaction } = create());
  });

  it('gives back an organisation, a membership and a subscription as they were written', async () => {
    const [org, user] = [newId('org'), newId('user')];
    const organization = organizationOf(org, { metadata: { deep: [1, { a: null }] } });
    const membership = membershipOf(org, user, { permissions: ['org:a:b'], metadata: { desk: 4 } });
    const dates = { createdAt: new Date(BASE_MS), updatedAt: new Date(BASE_MS + 1) };
    const subscription = {
      clerkId: newId('csub'),
      ownerId: user,
      planSlug: 'pro',
      status: 'active',
      ...dates,
    };
    expect(await mirror.organizations.upsert(organization, version(1))).toEqual({
      outcome: 'created',
      row: organization,
    });
    expect((await mirror.memberships.upsert(membership, version(1))).outcome).toBe('created');
    expect((await mirror.subscriptions.upsert(subscription, version(1))).outcome).toBe('created');
    expect(await mirror.organizations.find(org)).toEqual({ outcome: 'found', row: organization });
    expect(await mirror.memberships.find(membership.clerkId)).toEqual({ outcome: 'found', row: membership });
    expect(await mirror.subscriptions.listBy('ownerId', user)).toEqual([subscription]);
  });

  it('holds two states that claim the same time for doubtful, whichever came first, until a later one comes', async () => {
    for (const order of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      const org = newId('org');
      for (const name of order)
        await mirror.organizations.upsert(organizationOf(org, { name }), version(5, 5, name));
      expect(await mirror.organizations.find(org)).toMatchObject({ outcome: 'found', row: { name: 'b' } });
      expect(await mirror.organizations.listInDoubt(10_000)).toContain(org);
      // What agrees with the newer of the two settles nothing.
      await mirror.organizations.upsert(organizationOf(org, { name: 'b' }), version(5, 6, 'c'));
      expect(await mirror.organizations.listInDoubt(10_000)).toContain(org);
      await mirror.organizations.upsert(organizationOf(org, { name: 'c' }), version(6));
      expect(await mirror.organizations.listInDoubt(10_000)).not.toContain(org);
    }
  });

  it('ends the doubt with a repair of the same time, and not with one that is older than the row', async () => {
    const org = newId('org');
    const isInDoubt = async () => (await mirror.organizations.listInDoubt(10_000)).includes(org);
    const write = (name: string, at: SourceVersion) =>
      mirror.organizations.upsert(organizationOf(org, { name }), at);
    for (const name of ['a', 'b']) await write(name, version(5, 7, `msg_${name}`));
    expect((await write('clerk', version(5, 6, 'sync_1'))).outcome).toBe('stale');
    expect(await isInDoubt()).toBe(true);
    expect(await write('clerk', version(5, 8, 'sync_2'))).toMatchObject({
      outcome: 'updated',
      row: { name: 'clerk' },
    });
    expect(await isInDoubt()).toBe(false);
    // What differs from it and comes later is doubtful again.
    await write('c', version(5, 9, 'msg_c'));
    expect(await isInDoubt()).toBe(true);
  });

  it('does not doubt what says the same twice, nor what is merely older', async () => {
    const org = newId('org');
    const same = organizationOf(org, { metadata: { a: 1, b: 2 } });
    await mirror.organizations.upsert(same, version(5, 5));
    await mirror.organizations.upsert({ ...same, metadata: { b: 2, a: 1 } }, version(5, 6));
    await mirror.organizations.upsert({ ...same, metadata: { b: 2, a: 1 } }, version(5, 4));
    await mirror.organizations.upsert(organizationOf(org, { name: 'Older' }), version(4));
    expect(await mirror.organizations.listInDoubt(10_000)).not.toContain(org);
  });

  it('ends the doubt with a deletion', async () => {
    const org = newId('org');
    await mirror.organizations.upsert(organizationOf(org, { name: 'a' }), version(5, 5, 'a'));
    await mirror.organizations.upsert(organizationOf(org, { name: 'b' }), version(5, 5, 'b'));
    await mirror.organizations.delete(org, version(6));
    expect(await mirror.organizations.listInDoubt(10_000)).not.toContain(org);
  });

  it.each(['organization', 'user'] as const)(
    'takes memberships and the subscription with the %s, before and after, and leaves those of others',
    async (kind) => {
      const [org, user, otherOrg, otherUser] = [newId('org'), newId('user'), newId('org'), newId('user')];
      const owner = kind === 'user' ? user : org;
      const [gone, late] = [membershipOf(org, user), membershipOf(org, user)];
      const kept = kind === 'user' ? membershipOf(org, otherUser) : membershipOf(otherOrg, user);
      for (const one of [gone, kept]) await mirror.memberships.upsert(one, version(1));
      await mirror.subscriptions.upsert(subscriptionOf(owner), version(1));
      await (kind === 'user' ? mirror.users : mirror.organizations).delete(owner, version(2));
      expect(await mirror.memberships.upsert(late, version(9))).toEqual({ outcome: 'stale' });
      expect(await mirror.subscriptions.upsert(subscriptionOf(owner), version(9))).toEqual({
        outcome: 'stale',
      });
      for (const { clerkId } of [gone, late])
        expect(await mirror.memberships.find(clerkId)).toEqual({ outcome: 'unknown' });
      expect(await mirror.subscriptions.listBy('ownerId', owner)).toEqual([]);
      expect((await mirror.memberships.find(kept.clerkId)).outcome).toBe('found');
    },
  );

  it('counts the later of two memberships of one person, and the end of the earlier ends only that', async () => {
    const [org, user] = [newId('org'), newId('user')];
    const first = membershipOf(org, user, { role: 'org:admin', createdAt: new Date(BASE_MS) });
    const second = membershipOf(org, user, { role: 'org:member', createdAt: new Date(BASE_MS + 9) });
    for (const one of [second, first]) await mirror.memberships.upsert(one, version(1));
    const current = async () => currentMemberships(await mirror.memberships.listBy('userId', user));
    expect(await current()).toEqual([second]);
    await mirror.memberships.delete(first.clerkId, version(2));
    expect(await current()).toEqual([second]);
    await mirror.memberships.delete(second.clerkId, version(3));
    expect(await current()).toEqual([]);
  });

  it('lets no membership slip in beside the deletion of its organisation', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [org, user] = [newId('org'), newId('user')];
      const memberships = Array.from({ length: 4 }, () => membershipOf(org, user));
      await Promise.all([
        ...memberships.map((one) => transaction((staged) => staged.memberships.upsert(one, version(1)))),
        transaction((staged) => staged.organizations.delete(org, version(2))),
      ]);
      expect(await mirror.memberships.listBy('organizationId', org)).toEqual([]);
    }
  });

  it('creates once, however many transactions bring the same at once', async () => {
    const org = newId('org');
    const applied = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        transaction((staged) => staged.organizations.upsert(organizationOf(org), version(at))),
      ),
    );
    expect(applied.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
  });

  it('refuses what a transaction writes after its end, and holds up nobody by it', async () => {
    const user = newId('user');
    const late: { write: () => Promise<unknown> } = { write: () => Promise.resolve() };
    await transaction(async (staged) => {
      late.write = () => staged.users.upsert(profileOf(user), version(1));
    });
    await expect(late.write()).rejects.toThrow();
    const after = await transaction((staged) => staged.users.upsert(profileOf(user), version(1)));
    expect(after.outcome).toBe('created');
  });

  it('keeps nothing of a transaction that fails, and holds up nobody after it', async () => {
    const user = newId('user');
    const failing = transaction(async (staged) => {
      await staged.users.upsert(profileOf(user), version(1));
      await staged.users.upsert(profileOf(user), version(2));
      throw new Error('the handler failed');
    });
    await expect(failing).rejects.toThrow('the handler failed');
    expect(await mirror.users.find(user)).toEqual({ outcome: 'unknown' });
    const again = await transaction((staged) => staged.users.upsert(profileOf(user), version(1)));
    expect(again.outcome).toBe('created');
    expect(await mirror.users.find(user)).toMatchObject({
      outcome: 'found',
      user: again.outcome === 'created' ? again.user : {},
    });
  });
}

function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}

function version(updatedAt: number, timestamp = updatedAt, deliveryId = 'msg'): SourceVersion {
  return { updatedAtMs: BASE_MS + updatedAt, timestampMs: BASE_MS + timestamp, deliveryId };
}

const TIMES = { createdAt: new Date(BASE_MS), updatedAt: new Date(BASE_MS) };

function organizationOf(clerkId: string, changes: Partial<MirroredOrganization> = {}): MirroredOrganization {
  return { clerkId, name: 'Acme', slug: 'acme', imageUrl: null, metadata: {}, ...TIMES, ...changes };
}

function membershipOf(
  organizationId: string,
  userId: string,
  changes: Partial<MirroredMembership> = {},
): MirroredMembership {
  const clerkId = newId('orgmem');
  const parties = { clerkId, organizationId, userId };
  return { ...parties, role: 'org:member', permissions: [], metadata: {}, ...TIMES, ...changes };
}

function subscriptionOf(ownerId: string) {
  return { clerkId: newId('csub'), ownerId, planSlug: 'pro', status: 'active', ...TIMES };
}

function profileOf(clerkId: string): UserProfile {
  const names = { email: null, firstName: 'Ada', lastName: null, username: null, imageUrl: null };
  return { clerkId, ...names, isActive: true, metadata: {}, ...TIMES };
}
