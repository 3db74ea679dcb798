import { ClerkSandbox } from 'clerk-sandbox';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { prismaMirror } from '../libs/clerk/src/mirror/prisma-mirror.js';
import { createStorage, type Storage } from '../libs/clerk/src/storage.js';
import { SYNC_KINDS, type KindName } from '../libs/clerk/src/sync/sync-kind.js';
import { applyDelivery } from '../libs/clerk/src/webhooks/apply-delivery.js';
import type { ClerkEvent } from '../libs/clerk/src/webhooks/clerk-event.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { createSync, plantUsers } from './support/sync.js';

// Calls at Clerk's pace.
import.meta.jest.setTimeout(90_000);

let database: TestDatabase;
let prisma: PrismaService;
let storage: Storage;
let clerk: ClerkSandbox;

beforeAll(async () => {
  database = await createTestDatabase();
  prisma = await PrismaService.open(database.options);
  storage = createStorage(prisma, 'default');
}, 90_000);

beforeEach(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
  await prisma.clerkWebhookEvent.deleteMany();
  await prisma.user.deleteMany();
  await prisma.organizationMembership.deleteMany();
  await prisma.organization.deleteMany();
  await prisma.clerkSyncRun.deleteMany();
});

afterEach(() => clerk.stop());

afterAll(async () => {
  await prisma.onApplicationShutdown();
  await database.drop();
});

let planted = 0;

/** `count` organisations, each with the same member. */
function plantOrganizations(count: number, member: string): string[] {
  return Array.from({ length: count }, () => {
    planted += 1;
    return clerk.organizations.create({ name: `Org ${planted}`, created_by: member }).id;
  });
}

const memberships = () => clerk.organizations;

/** Applies what waits, and says what handlers were told. */
async function drain(): Promise<readonly ClerkEvent[]> {
  const events: ClerkEvent[] = [];
  for (;;) {
    const step = await storage.inbox.drainOne(async (delivery, mirror) => {
      const { result, event } = await applyDelivery(delivery, mirror);
      if (event !== null) events.push(event);
      return result;
    });
    if (step.outcome === 'idle') return events;
    expect(step).toMatchObject({ outcome: 'handled' });
  }
}

async function expectInStep(): Promise<void> {
  const living = { where: { deletedAt: null } };
  const organizations = await prisma.organization.findMany(living);
  const all = clerk.users.all().flatMap(({ id }) => memberships().membershipsOfUser(id));
  const clerkOrganizations = [...new Map(all.map(({ organization }) => [organization.id, organization]))];
  const words = (id: string, state: string | null, at: number) => `${id} ${state} ${at}`;
  expect(
    organizations.map((row) => words(row.clerkId, row.name, row.updatedAt.getTime())).toSorted(),
  ).toEqual(
    clerkOrganizations
      .map(([id]) => clerk.organizations.get(id))
      .map(({ id, name, updated_at }) => words(id, name, updated_at))
      .toSorted(),
  );
  const rows = await prisma.organizationMembership.findMany(living);
  expect(rows.map((row) => words(row.clerkId, row.role, row.updatedAt.getTime())).toSorted()).toEqual(
    all.map(({ id, role, updated_at }) => words(id, role, updated_at)).toSorted(),
  );
}

describe('a backfill of organisations and memberships', () => {
  it('brings those of several pages, once by two at once, and what has changed when it comes again', async () => {
    const ids = plantUsers(clerk, 610);
    const [shop = '', club = ''] = plantOrganizations(2, ids[0] ?? '');
    for (const user_id of ids.slice(1)) memberships().addMember(shop, { user_id, role: 'org:member' });
    plantOrganizations(520, ids[1] ?? '');
    const results = await Promise.all([
      createSync(clerk, prisma).backfill(),
      createSync(clerk, prisma).backfill(),
    ]);
    for (const result of results)
      expect(result).toMatchObject({
        kinds: { organizations: { seen: 522 }, memberships: { seen: 611 + 520 } },
      });
    await expectInStep();
    expect(await prisma.organization.count({ where: { revision: { gt: 0 } } })).toBe(0);
    expect(await prisma.organizationMembership.count({ where: { revision: { gt: 0 } } })).toBe(0);
    clerk.organizations.update(club, { name: 'Clubs' });
    memberships().updateMember(shop, ids[3] ?? '', { role: 'org:admin' });
    expect(await createSync(clerk, prisma).backfill()).toMatchObject({
      kinds: {
        organizations: { created: 0, updated: 1 },
        memberships: { created: 0, updated: 1 },
      },
    });
    await expectInStep();
  });

  it('sits out failures in the middle, and gives up what fails for the fifth time without coming on', async () => {
    const ids = plantUsers(clerk, 600);
    const [shop = ''] = plantOrganizations(1, ids[0] ?? '');
    for (const user_id of ids.slice(1)) memberships().addMember(shop, { user_id, role: 'org:member' });
    const pathPrefix = '/v1/organization_memberships';
    const pausesMs: number[] = [];
    const sleep = async (ms: number) => {
      pausesMs.push(ms);
      if (pausesMs.length === 2) clerk.faults.clear();
    };
    let isBroken = false;
    const onProgress = ({ kind }: { kind: KindName }) => {
      if (kind !== 'memberships' || isBroken) return;
      isBroken = true;
      clerk.faults.add({ kind: 'rate-limited', retryAfterSeconds: 61, pathPrefix });
    };
    const result = await createSync(clerk, prisma, { sleep }).backfill({ onProgress });
    expect(result).toMatchObject({ kinds: { memberships: { seen: 600, created: 600 } } });
    expect(pausesMs).toEqual([60_000, 60_000]);
    await expectInStep();

    // A walk that fails at the same place each time comes on by nothing.
    let failures = 0;
    const failing = createSync(clerk, prisma, { sleep: async () => clerk.faults.clear() }).backfill({
      onProgress: ({ kind }) => {
        if (kind !== 'memberships' || failures === 8) return;
        failures += 1;
        clerk.faults.add({ kind: 'rate-limited', retryAfterSeconds: 61, pathPrefix });
      },
    });
    await expect(failing).rejects.toMatchObject({ code: 'CLERK_RATE_LIMITED' });
    expect(failures).toBe(5);
  });
});

describe.each(SYNC_KINDS.map((kind) => [kind.name, kind] as const))('a backfill of %s', (name, kind) => {
  /** Three of the kind, as Clerk sends them. */
  function plantThree(): object[] {
    const ids = plantUsers(clerk, 3);
    const organizations = plantOrganizations(3, ids[0] ?? '');
    if (name === 'users') return ids.map((id) => clerk.users.get(id));
    if (name === 'organizations') return organizations.map((id) => clerk.organizations.get(id));
    return organizations.map((id) => memberships().membership(id, ids[0] ?? ''));
  }

  const contentOf = (json: object) => {
    const content = kind.parse(json);
    if (content === null) throw new Error('no content');
    return content;
  };

  it('leaves a row that is newer, and takes a webhook that is newer than what it has listed', async () => {
    const [ahead, behind] = plantThree().map(contentOf);
    if (ahead === undefined || behind === undefined) throw new Error('none');
    const mirror = prismaMirror(prisma);
    const later = (content: typeof ahead, moreMs: number) => {
      const updatedAtMs = content.updatedAt.getTime() + moreMs;
      const version = { updatedAtMs, timestampMs: updatedAtMs, deliveryId: 'msg_1' };
      const changed = { ...content, metadata: { moreMs }, updatedAt: new Date(updatedAtMs) };
      return kind.upsert(mirror, changed, version);
    };
    await later(ahead, 60_000);
    await createSync(clerk, prisma).backfill();
    const rows = storage.sync.rows(kind);
    expect((await rows.byIds([ahead.clerkId])).get(ahead.clerkId)?.content).toMatchObject({
      metadata: { moreMs: 60_000 },
    });
    // On its way while Clerk was listed, by a clock that is behind ours by now.
    // The first that handlers hear of it.
    expect(await later(behind, 1)).toMatchObject({ outcome: 'created' });
  });

  it('leaves a tombstone', async () => {
    const [gone] = plantThree().map(contentOf);
    if (gone === undefined) throw new Error('none');
    const mirror = prismaMirror(prisma);
    const version = { updatedAtMs: 1, timestampMs: 1, deliveryId: 'msg_1' };
    await mirror[name].delete(gone.clerkId, version);
    await createSync(clerk, prisma).backfill();
    const row = (await storage.sync.rows(kind).byIds([gone.clerkId])).get(gone.clerkId);
    expect(row).toMatchObject({ isDeleted: true });
  });
});

describe('a reconcile of organisations and memberships', () => {
  /** 30 organisations of one member, one of which has 30 more. */
  async function fill() {
    const ids = plantUsers(clerk, 31);
    const [ada = '', ...others] = ids;
    const organizations = plantOrganizations(30, ada);
    const [shop = ''] = organizations;
    for (const user_id of others) memberships().addMember(shop, { user_id, role: 'org:member' });
    await createSync(clerk, prisma).backfill();
    return { ada, others, organizations, shop };
  }

  it('finds what is missing, stale and extra, tells handlers, and ends in the state of Clerk', async () => {
    const { ada, others, organizations, shop } = await fill();
    const [changed = '', left = '', gone = ''] = others;
    const [, renamed = '', closed = ''] = organizations;
    clerk.organizations.update(renamed, { name: 'Renamed' });
    clerk.organizations.delete(closed);
    const opened = clerk.organizations.create({ name: 'Opened', created_by: ada });
    memberships().updateMember(shop, changed, { role: 'org:admin' });
    const leaving = memberships().membership(shop, left);
    memberships().removeMember(shop, left);
    clerk.users.delete(gone);

    const report = await createSync(clerk, prisma).reconcile();
    expect(report.kinds).toMatchObject({
      users: { listed: 30, missing: 0, stale: 0, extra: 1, fuse: null },
      organizations: { listed: 30, missing: 1, stale: 1, extra: 1, fuse: null },
      // Of those that are gone, one is not: the others go with their user or organisation.
      memberships: { listed: 58, missing: 1, stale: 1, extra: 1, fuse: null },
    });
    expect(report).toMatchObject({ missing: 2, stale: 2, extra: 3, fuse: null });
    const events = await drain();
    // Of what the backfill brought, handlers hear now for the first time.
    expect(events.map(({ type }) => type).toSorted()).toEqual([
      'organization.created',
      'organization.created',
      'organization.deleted',
      'organizationMembership.created',
      'organizationMembership.created',
      'organizationMembership.deleted',
      'user.deleted',
    ]);
    expect(events).toContainEqual({
      type: 'organizationMembership.deleted',
      membershipId: leaving.id,
      organizationId: shop,
      userId: left,
    });
    expect(events).toContainEqual(
      expect.objectContaining({ organization: expect.objectContaining({ clerkId: opened.id }) }),
    );
    await expectInStep();
    const again = await createSync(clerk, prisma).reconcile();
    expect(again).toMatchObject({ missing: 0, stale: 0, extra: 0, settled: 0, deliveryIds: [] });
  });

  it('has a fuse for each kind', async () => {
    const { others, organizations, shop } = await fill();
    for (const id of organizations.slice(1, 3)) clerk.organizations.delete(id);
    for (const id of others.slice(0, 4)) memberships().removeMember(shop, id);
    clerk.users.delete(others[10] ?? '');
    const report = await createSync(clerk, prisma).reconcile();
    const fuse = 'TOO_MANY_DELETIONS';
    expect(report).toMatchObject({
      fuse,
      kinds: {
        users: { extra: 1, fuse: null },
        organizations: { extra: 2, fuse },
        memberships: { extra: 4, fuse },
      },
    });
    expect((await drain()).map(({ type }) => type)).toEqual(['user.deleted']);
    const told = await createSync(clerk, prisma).reconcile({ deletionsMax: 4 });
    expect(told).toMatchObject({ fuse: null, extra: 6 });
    await drain();
    await expectInStep();
  });

  it('deletes nothing from a database that another registration writes to', async () => {
    const { others, organizations, shop } = await fill();
    clerk.organizations.delete(organizations[1] ?? '');
    memberships().removeMember(shop, others[0] ?? '');
    await prisma.clerkSyncRun.create({ data: { registration: 'staff', instanceId: 'ins_staff' } });
    const shared = { extra: 1, fuse: 'DATABASE_SHARED' };
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({
      kinds: { organizations: shared, memberships: shared },
      deliveryIds: [],
    });
  });

  it('deletes nothing that only lists leave out', async () => {
    const { others, organizations, shop } = await fill();
    const hidden = memberships().membership(shop, others[0] ?? '');
    clerk.organizations.setListed(organizations[1] ?? '', false);
    clerk.organizations.setListed(hidden.id, false);
    const report = await createSync(clerk, prisma).reconcile();
    expect(report).toMatchObject({ extra: 0, deliveryIds: [], fuse: null });
    expect(report.kinds).toMatchObject({ organizations: { listed: 29 }, memberships: { listed: 59 } });
  });

  it('deletes nothing that Clerk did not know for a moment', async () => {
    const { others, organizations, shop } = await fill();
    const [, blinking = ''] = organizations;
    const hidden = memberships().membership(shop, others[0] ?? '');
    for (const id of [blinking, hidden.id]) clerk.organizations.setListed(id, false);
    const unknown = { errors: [{ code: 'resource_not_found', message: 'not found' }] };
    const path = (id: string) => `/v1/organizations/${id}`;
    clerk.faults.add({ kind: 'json', status: 404, body: unknown, pathPrefix: path(blinking), times: 1 });
    const nobody = { data: [], total_count: 0 };
    clerk.faults.add({ kind: 'json', body: nobody, pathPrefix: `${path(shop)}/memberships`, times: 2 });
    const pausesMs: number[] = [];
    const sync = createSync(clerk, prisma, { sleep: async (ms) => void pausesMs.push(ms) });
    expect(await sync.reconcile()).toMatchObject({ extra: 0, deliveryIds: [], fuse: null });
    expect(pausesMs).toEqual([5_000, 5_000]);
  });

  it('asks Clerk for rows with one version and two contents, each by itself', async () => {
    const { others, organizations, shop } = await fill();
    const [tied = ''] = organizations;
    const { id } = memberships().membership(shop, others[0] ?? '');
    await prisma.organization.update({ where: { clerkId: tied }, data: { name: 'Other' } });
    await prisma.organizationMembership.update({ where: { clerkId: id }, data: { role: 'org:other' } });
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({
      settled: 2,
      kinds: { organizations: { settled: 1 }, memberships: { settled: 1 } },
    });
    // Its word waits already: asked again, it is not put there twice.
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({ settled: 0 });
    expect((await drain()).map(({ type }) => type).toSorted()).toEqual([
      'organization.created',
      'organizationMembership.created',
    ]);
    await expectInStep();
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({ settled: 0, deliveryIds: [] });
  });

  it('leaves rows alone whose ids are none of Clerk’s', async () => {
    const { ada, shop } = await fill();
    const content = { role: 'org:member', metadata: {}, permissions: [] };
    const at = new Date(1_700_000_000_000);
    const version = { updatedAtMs: 1, timestampMs: 1, deliveryId: '' };
    const mirror = prismaMirror(prisma);
    const times = { createdAt: at, updatedAt: at };
    await mirror.memberships.upsert(
      { ...content, ...times, clerkId: 'orgmem_../x', organizationId: shop, userId: ada },
      version,
    );
    await mirror.organizations.upsert(
      { ...times, clerkId: 'org_?', name: 'x', slug: null, imageUrl: null, metadata: {} },
      version,
    );
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({ extra: 0, fuse: null });
  });
});

describe('a reconcile of recent changes', () => {
  const MINUTE_MS = 60_000;

  it('looks at users who have changed since the last complete one began, with ten minutes to spare', async () => {
    const ids = plantUsers(clerk, 600);
    const [newest = ''] = plantUsers(clerk, 1, { fromMs: Date.now() });
    await createSync(clerk, prisma).backfill();
    const { updated_at: toMs } = clerk.users.get(newest);
    const recent = () => createSync(clerk, prisma).reconcile({ isRecentOnly: true });
    // The first is a full one: nothing is known to be reconciled. One that only looks leaves that so.
    await createSync(clerk, prisma).reconcile({ isDryRun: true });
    expect(await recent()).toMatchObject({ usersSinceMs: null, kinds: { users: { listed: 601 } } });

    const missed = plantUsers(clerk, 1, { fromMs: toMs - 9 * MINUTE_MS });
    plantUsers(clerk, 1, { fromMs: toMs - 11 * MINUTE_MS });
    clerk.users.delete(ids[0] ?? '');
    clerk.requestCounts.clear();
    const report = await recent();
    expect(report).toMatchObject({
      usersSinceMs: toMs - 10 * MINUTE_MS,
      kinds: { users: { listed: 2, missing: 1, stale: 0, extra: 0 } },
    });
    // The newest one, and one page.
    expect(clerk.requestCounts.get('GET /v1/users')).toBe(2);
    await drain();
    expect(await prisma.user.count({ where: { clerkId: { in: missed } } })).toBe(1);
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({
      kinds: { users: { missing: 1, extra: 1 } },
    });
  });

  it('goes on over pages while users change and go, and misses none who changed before', async () => {
    plantUsers(clerk, 1);
    await createSync(clerk, prisma).reconcile();
    await drain();
    const ids = plantUsers(clerk, 1_200, { fromMs: Date.now(), perMoment: 3 });
    let pages = 0;
    const report = await createSync(clerk, prisma).reconcile({
      isRecentOnly: true,
      onProgress: ({ kind }) => {
        if (kind !== 'users') return;
        pages += 1;
        if (pages === 1) for (const id of ids.slice(-150, -100)) clerk.users.delete(id);
        if (pages === 2) for (const id of ids.slice(-20)) clerk.users.update(id, { first_name: 'T' });
      },
    });
    expect(report.usersSinceMs).not.toBeNull();
    await drain();
    const rows = new Set((await prisma.user.findMany()).map(({ clerkId }) => clerkId));
    expect(clerk.users.all().filter(({ id }) => !rows.has(id))).toEqual([]);
  });

  it('covers what changed while the one before went on', async () => {
    const ids = plantUsers(clerk, 600);
    await createSync(clerk, prisma).backfill();
    const changed = ids[3] ?? '';
    let pages = 0;
    await createSync(clerk, prisma).reconcile({
      onProgress: () => {
        pages += 1;
        // Behind the walk, which does not see it, as if an hour had gone by since it began.
        if (pages === 1) clerk.users.update(changed, { first_name: 'Changed' });
        if (pages === 1) plantUsers(clerk, 1, { fromMs: Date.now() + 60 * MINUTE_MS });
      },
    });
    await drain();
    const recent = await createSync(clerk, prisma).reconcile({ isRecentOnly: true });
    expect(recent.kinds.users).toMatchObject({ stale: 1 });
  });
});
