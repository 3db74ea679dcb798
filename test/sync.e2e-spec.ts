import { ClerkSandbox } from 'clerk-sandbox';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { createStorage } from '../libs/clerk/src/storage.js';
import { PrismaSyncStore } from '../libs/clerk/src/sync/prisma-sync-store.js';
import { describeSyncStore } from '../libs/clerk/src/sync/sync-store.contract.js';
import { PrismaUserMirror } from '../libs/clerk/src/users/prisma-user-mirror.js';
import { parseClerkUser } from '../libs/clerk/src/users/clerk-user.js';
import { applyDelivery } from '../libs/clerk/src/webhooks/apply-delivery.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { createSync, plantUsers } from './support/sync.js';

// Thousands of users through a real Clerk and a real database.
import.meta.jest.setTimeout(90_000);

let database: TestDatabase;
let prisma: PrismaService;
let clerk: ClerkSandbox;

beforeAll(async () => {
  database = await createTestDatabase();
  prisma = await PrismaService.open(database.options);
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

describe('the state of long jobs in the database', () => {
  describeSyncStore(() => new PrismaSyncStore(prisma, 'default'));
});

/** What the rows of living users must be. */
async function expectMirrored(): Promise<void> {
  const rows = await prisma.user.findMany({ where: { deletedAt: null }, orderBy: { clerkId: 'asc' } });
  const users = clerk.users.all().toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const state = (id: string, email: unknown, updatedAtMs: number) => ({ id, email, updatedAtMs });
  expect(rows.map((row) => state(row.clerkId, row.email, row.updatedAt.getTime()))).toEqual(
    users.map((user) => state(user.id, user.email_addresses[0]?.email_address ?? null, user.updated_at)),
  );
}

/** Applies what waits in the inbox. */
async function drain(): Promise<void> {
  const { inbox } = createStorage(prisma, 'default');
  for (;;) {
    const step = await inbox.drainOne(
      async (delivery, mirror) => (await applyDelivery(delivery, mirror)).result,
    );
    if (step.outcome === 'idle') return;
  }
}

const versionOf = (updatedAtMs: number, deliveryId = 'msg_1') => ({
  updatedAtMs,
  timestampMs: updatedAtMs,
  deliveryId,
});

describe('a backfill', () => {
  it('brings 2,000 users made in quick succession, each once', async () => {
    plantUsers(clerk, 2_000, { perMoment: 7 });
    const result = await createSync(clerk, prisma).backfill();
    expect(result).toMatchObject({
      outcome: 'complete',
      kinds: { users: { seen: 2_000, created: 2_000, updated: 0 } },
      settled: 0,
    });
    await expectMirrored();
    expect(await prisma.user.count({ where: { revision: { gt: 0 } } })).toBe(0);
  });

  it('brings all of more users than fit on two pages that were created in one millisecond', async () => {
    plantUsers(clerk, 3);
    plantUsers(clerk, 1_100, { perMoment: 1_100, fromMs: 1_700_000_000_100 });
    plantUsers(clerk, 3, { fromMs: 1_700_000_000_200 });
    expect(await createSync(clerk, prisma).backfill()).toMatchObject({
      kinds: { users: { seen: 1_106, created: 1_106 } },
    });
    await expectMirrored();
  });

  it('that comes again writes what has changed, and nothing else', async () => {
    const [first = ''] = plantUsers(clerk, 40);
    await createSync(clerk, prisma).backfill();
    clerk.users.update(first, { first_name: 'Changed' });
    expect(await createSync(clerk, prisma).backfill()).toMatchObject({
      kinds: { users: { seen: 40, created: 0, updated: 1 } },
    });
    const changed = await prisma.user.findMany({ where: { revision: { gt: 0 } } });
    expect(changed.map(({ clerkId, firstName, revision }) => [clerkId, firstName, revision])).toEqual([
      [first, 'Changed', 1],
    ]);
  });

  it('is done once by two at once', async () => {
    plantUsers(clerk, 1_600, { perMoment: 3 });
    const results = await Promise.all([
      createSync(clerk, prisma).backfill(),
      createSync(clerk, prisma).backfill(),
    ]);
    const users = { seen: 1_600, created: 1_600 };
    expect(results).toMatchObject([
      { outcome: 'complete', kinds: { users } },
      { outcome: 'complete', kinds: { users } },
    ]);
    await expectMirrored();
    const runs = await prisma.clerkSyncRun.findMany();
    expect(runs.map(({ usersCreated, finishedAt }) => [usersCreated, finishedAt === null])).toEqual([
      [1_600, false],
    ]);
    expect(await prisma.user.count({ where: { revision: { gt: 0 } } })).toBe(0);
  });

  it('is one walk, however many begin it at once', async () => {
    const open = () => new PrismaSyncStore(prisma, 'default').open('ins_1');
    const runs = await Promise.all(Array.from({ length: 8 }, open));
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
  });

  it('goes on where it was after a failure that does not pass', async () => {
    plantUsers(clerk, 1_200);
    let pages = 0;
    const broken = createSync(clerk, prisma).backfill({
      onProgress: () => {
        pages += 1;
        if (pages === 2) clerk.faults.add({ kind: 'status', status: 401, pathPrefix: '/v1/users' });
      },
    });
    await expect(broken).rejects.toMatchObject({ code: 'CLERK_SECRET_KEY_REJECTED' });
    expect(await prisma.clerkSyncRun.findMany()).toMatchObject([{ revision: 2, finishedAt: null }]);
    clerk.faults.clear();
    clerk.requestCounts.clear();
    expect(await createSync(clerk, prisma).backfill()).toMatchObject({
      kinds: { users: { seen: 1_200, created: 1_200 } },
    });
    expect(clerk.requestCounts.get('GET /v1/users')).toBe(1);
    await expectMirrored();
  });

  it('sits out answers of 429 and 503, for as long as Clerk says', async () => {
    plantUsers(clerk, 30);
    const pausesMs: number[] = [];
    const sync = createSync(clerk, prisma, { sleep: async (ms) => void pausesMs.push(ms) });
    // More than one call waits by itself.
    clerk.faults.add({ kind: 'rate-limited', retryAfterSeconds: 61, pathPrefix: '/v1/users', times: 1 });
    clerk.faults.add({ kind: 'status', status: 503, pathPrefix: '/v1/users', times: 2 });
    expect(await sync.backfill()).toMatchObject({
      outcome: 'complete',
      kinds: { users: { created: 30 } },
    });
    expect(pausesMs).toEqual([60_000]);
    await expectMirrored();
  });

  it('leaves a row that is newer, and a tombstone', async () => {
    const [newer = '', gone = ''] = plantUsers(clerk, 3);
    const mirror = new PrismaUserMirror(prisma);
    const later = { ...clerk.users.get(newer), first_name: 'Later', updated_at: Date.now() + 60_000 };
    const profile = parseClerkUser(later);
    if (profile === null) throw new Error('no profile');
    await mirror.upsert(profile, versionOf(later.updated_at));
    await mirror.delete(gone, versionOf(1));
    expect(await createSync(clerk, prisma).backfill()).toMatchObject({
      kinds: { users: { created: 1, updated: 0 } },
      settled: 0,
    });
    expect(await prisma.user.findUnique({ where: { clerkId: newer } })).toMatchObject({ firstName: 'Later' });
    expect(await prisma.user.findUnique({ where: { clerkId: gone } })).toMatchObject({
      email: null,
      deletedAt: new Date(1),
    });
  });

  it('asks Clerk again for a row with the same version and other content, and for one that is marked', async () => {
    const [tied = '', marked = '', same = ''] = plantUsers(clerk, 3);
    await createSync(clerk, prisma).backfill();
    await prisma.user.update({
      where: { clerkId: tied },
      data: {
        firstName: 'Other',
        sourceTimestampMs: clerk.users.get(tied).updated_at,
        sourceDeliveryId: 'msg_2',
      },
    });
    await prisma.user.update({
      where: { clerkId: marked },
      data: { firstName: 'Other', needsRefetch: true },
    });
    expect(await createSync(clerk, prisma).backfill()).toMatchObject({
      kinds: { users: { updated: 0 } },
      settled: 2,
    });
    await drain();
    const rows = await prisma.user.findMany();
    for (const row of rows) expect(row.firstName).toBe(clerk.users.get(row.clerkId).first_name);
    expect(rows.map(({ needsRefetch }) => needsRefetch)).toEqual([false, false, false]);
    expect(clerk.requestCounts.get(`GET /v1/users/${same}`)).toBeUndefined();
    // The webhooks that were tied stay stale.
    const mirror = new PrismaUserMirror(prisma);
    const profile = parseClerkUser({ ...clerk.users.get(tied), first_name: 'Before' });
    if (profile === null) throw new Error('no profile');
    const version = versionOf(profile.updatedAt.getTime(), 'msg_1');
    expect(await mirror.upsert(profile, version)).toMatchObject({ outcome: 'stale' });
  });

  it('does not write over a webhook that came while Clerk was asked again', async () => {
    const [tied = ''] = plantUsers(clerk, 1);
    await createSync(clerk, prisma).backfill();
    await prisma.user.update({ where: { clerkId: tied }, data: { firstName: 'Other', needsRefetch: true } });
    clerk.faults.add({ kind: 'slow', delayMs: 300, pathPrefix: `/v1/users/${tied}`, times: 1 });
    const before = clerk.users.get(tied);
    const settling = createSync(clerk, prisma).backfill();
    while (clerk.requestCounts.get(`GET /v1/users/${tied}`) === undefined)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const newest = { ...before, first_name: 'Newest', updated_at: before.updated_at + 5 };
    const profile = parseClerkUser(newest);
    if (profile === null) throw new Error('no profile');
    await new PrismaUserMirror(prisma).upsert(profile, versionOf(newest.updated_at));
    await settling;
    await drain();
    expect(await prisma.user.findUnique({ where: { clerkId: tied } })).toMatchObject({ firstName: 'Newest' });
  });

  it('from another Clerk instance is refused unless it is accepted by name', async () => {
    plantUsers(clerk, 2);
    await createSync(clerk, prisma).backfill();
    const other = await ClerkSandbox.start();
    try {
      const { instanceId } = other;
      expect(await createSync(other, prisma).backfill()).toEqual({
        outcome: 'refused',
        reason: 'INSTANCE_DIFFERS',
        instanceId,
      });
      await expectMirrored();
      const accepted = await createSync(other, prisma).backfill({ acceptedInstanceId: instanceId });
      expect(accepted).toMatchObject({
        outcome: 'complete',
        kinds: { users: { created: other.users.all().length } },
      });
    } finally {
      await other.stop();
    }
  });
});
