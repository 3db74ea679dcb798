import { ClerkSandbox } from 'clerk-sandbox';

import { startTestService, type TestService, until } from './support/service.js';
import { createSync, plantUsers } from './support/sync.js';

// Hundreds of users through a real Clerk and a real database, and calls at Clerk's pace.
import.meta.jest.setTimeout(90_000);

let service: TestService;

beforeEach(async () => {
  service = await startTestService();
}, 90_000);

afterEach(() => service.stop());

const row = (clerkId: string) => service.prisma.user.findUnique({ where: { clerkId } });
const living = () => service.prisma.user.count({ where: { deletedAt: null } });

/** Whatever Clerk sends from now on is lost, as after a day of failures. */
function loseWebhooks(): void {
  for (const { id } of service.clerk.webhooks.endpoints()) service.clerk.webhooks.removeEndpoint(id);
}

const applied = () =>
  until(
    () => service.prisma.clerkWebhookEvent.count({ where: { status: 'pending' } }),
    (pending) => pending === 0,
  );

/** So many users, in step; what comes after is lost. */
async function fill(count: number, perMoment = 1): Promise<string[]> {
  await applied();
  loseWebhooks();
  const ids = plantUsers(service.clerk, count, { perMoment });
  await createSync(service.clerk, service.prisma).backfill();
  return ids;
}

describe('after webhooks were lost, a reconcile', () => {
  it('finds what is missing, stale and extra, and the service ends in the state of Clerk', async () => {
    const { clerk, prisma } = service;
    const [changed = '', banned = '', gone = ''] = await fill(60);
    const { token } = clerk.signIn(banned);
    expect((await service.call('/api/users/me', { token })).status).toBe(200);
    const { token: tokenOfGone } = clerk.signIn(gone);
    const said = { message: 'remember me' };
    expect((await service.call('/api/v1/chat', { token: tokenOfGone, body: said })).status).toBe(200);
    expect(await prisma.chatMessage.count()).toBeGreaterThan(0);
    const [created = ''] = plantUsers(clerk, 1);
    clerk.users.update(changed, { first_name: 'Changed' });
    clerk.users.ban(banned);
    clerk.users.delete(gone);

    const report = await createSync(clerk, prisma).reconcile();
    expect(report).toMatchObject({ missing: 1, stale: 2, extra: 1, settled: 0, fuse: null });
    expect(report.deliveryIds.length).toBe(4);
    await applied();

    expect(await row(created)).toMatchObject({ clerkId: created, deletedAt: null });
    expect(await row(changed)).toMatchObject({ firstName: 'Changed' });
    expect(await row(banned)).toMatchObject({ isActive: false });
    expect(await row(gone)).toMatchObject({ email: null, firstName: null, isActive: false });
    expect(await living()).toBe(clerk.users.all().length);
    // What handlers and revocations do follows as from any webhook.
    expect(await prisma.chatMessage.count()).toBe(0);
    expect((await service.call('/api/users/me', { token })).status).toBe(401);
    const events = await prisma.clerkWebhookEvent.findMany({ where: { userId: gone } });
    expect(new Set(events.map(({ payload }) => payload))).toEqual(new Set([null]));
    // And there is nothing left to do.
    const again = await createSync(clerk, prisma).reconcile();
    expect(again).toMatchObject({ missing: 0, stale: 0, extra: 0, settled: 0, deliveryIds: [] });
  });

  it('only looks when it is told to', async () => {
    const { clerk, prisma } = service;
    const [changed = '', gone = ''] = await fill(60);
    clerk.users.update(changed, { first_name: 'Changed' });
    clerk.users.delete(gone);
    const events = await prisma.clerkWebhookEvent.count();
    expect(await createSync(clerk, prisma).reconcile({ isDryRun: true })).toMatchObject({
      stale: 1,
      extra: 1,
      deliveryIds: [],
    });
    expect(await prisma.clerkWebhookEvent.count()).toBe(events);
  });

  it('that breaks off half-way does not count as done: the next of recent changes looks at everybody', async () => {
    const { clerk, prisma } = service;
    await fill(600);
    const broken = createSync(clerk, prisma).reconcile({
      onProgress: () => clerk.faults.add({ kind: 'status', status: 401, pathPrefix: '/v1/users' }),
    });
    await expect(broken).rejects.toMatchObject({ code: 'CLERK_SECRET_KEY_REJECTED' });
    clerk.faults.clear();
    expect(await createSync(clerk, prisma).reconcile({ isRecentOnly: true })).toMatchObject({
      usersSinceMs: null,
      kinds: { users: { listed: clerk.users.all().length } },
    });
  });

  it('deletes 1 % of the users, wherever in the order they were', async () => {
    const { clerk, prisma } = service;
    const ids = await fill(600, 4);
    const [last = ''] = plantUsers(clerk, 1, { fromMs: Date.now() + 60_000 });
    await createSync(clerk, prisma).backfill();
    // Without the first, the 500th is the one at 500: 501 was created in the millisecond that the first page ends in.
    const gone = [...[ids[0], ids[501], ids[502], ids[550], ids[599]].map(String), last];
    for (const id of gone) clerk.users.delete(id);
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({ extra: 6, fuse: null });
    await applied();
    const tombstones = await prisma.user.findMany({ where: { NOT: { deletedAt: null } } });
    expect(tombstones.map(({ clerkId }) => clerkId).toSorted()).toEqual(gone.toSorted());
  });
});

describe('the fuse', () => {
  it('lets nobody go where more than 5 % would, unless an operator has said how many', async () => {
    const { clerk, prisma } = service;
    const ids = await fill(57);
    for (const id of ids.slice(0, 4)) clerk.users.delete(id);
    const before = await living();
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({
      extra: 4,
      deliveryIds: [],
      fuse: 'TOO_MANY_DELETIONS',
    });
    const tooFew = await createSync(clerk, prisma).reconcile({ deletionsMax: 3 });
    expect(tooFew.fuse).toBe('TOO_MANY_DELETIONS');
    await applied();
    expect(await living()).toBe(before);
    const told = await createSync(clerk, prisma).reconcile({ deletionsMax: 4 });
    expect(told).toMatchObject({ extra: 4, fuse: null });
    await applied();
    expect(await living()).toBe(before - 4);
  });

  it('stops where anything of another instance was applied too, until an operator says whose the database is', async () => {
    const { clerk, prisma } = service;
    await fill(3);
    const foreign = { id: 'msg_foreign', type: 'user.updated', instanceId: 'ins_another', timestampMs: 1 };
    await prisma.clerkWebhookEvent.create({ data: { ...foreign, status: 'applied' } });
    const sync = createSync(clerk, prisma);
    expect((await sync.reconcile()).fuse).toBe('INSTANCE_DIFFERS');
    expect(await sync.backfill()).toMatchObject({ outcome: 'refused' });
    const { instanceId: acceptedInstanceId } = clerk;
    expect(await sync.backfill({ acceptedInstanceId })).toMatchObject({ outcome: 'complete' });
    expect((await sync.reconcile()).fuse).toBeNull();
  });

  it('stops a key of another instance before anything is compared', async () => {
    await fill(3);
    const other = await ClerkSandbox.start({ seed: false });
    try {
      const events = await service.prisma.clerkWebhookEvent.count();
      const report = await createSync(other, service.prisma).reconcile({ deletionsMax: 1_000 });
      expect(report).toMatchObject({ instanceId: other.instanceId, extra: 0, fuse: 'INSTANCE_DIFFERS' });
      expect(await service.prisma.clerkWebhookEvent.count()).toBe(events);
    } finally {
      await other.stop();
    }
  });

  it('lets nobody go from a database that another registration writes to', async () => {
    const { clerk, prisma } = service;
    const [gone = ''] = await fill(60);
    clerk.users.delete(gone);
    await prisma.clerkSyncRun.create({ data: { registration: 'staff', instanceId: 'ins_staff' } });
    expect(await createSync(clerk, prisma).reconcile()).toMatchObject({
      extra: 1,
      deliveryIds: [],
      fuse: 'DATABASE_SHARED',
    });
  });
});

describe('a user who is there', () => {
  it('is not deleted because lists leave him out', async () => {
    const { clerk, prisma } = service;
    const [hidden = '', gone = ''] = await fill(60);
    clerk.users.setListed(hidden, false);
    clerk.users.delete(gone);
    const pausesMs: number[] = [];
    const sync = createSync(clerk, prisma, { sleep: async (ms) => void pausesMs.push(ms) });
    expect(await sync.reconcile()).toMatchObject({ extra: 1, fuse: null });
    await applied();
    expect(pausesMs).toEqual([5_000]);
    expect(await row(hidden)).toMatchObject({ deletedAt: null });
    expect((await row(gone))?.deletedAt).not.toBeNull();
  });

  it('is not deleted because Clerk did not know him for a moment', async () => {
    const { clerk, prisma } = service;
    const [blinking = ''] = await fill(60);
    const { email_addresses, ...user } = clerk.users.get(blinking);
    clerk.users.delete(blinking);
    const sync = createSync(clerk, prisma, {
      sleep: async () => {
        const email_address = email_addresses.map((email) => email.email_address);
        clerk.users.create({ ...user, email_address, created_at: undefined }, blinking);
      },
    });
    expect(await sync.reconcile()).toMatchObject({ extra: 0, deliveryIds: [], fuse: null });
  });

  it('who comes and changes, in organisations that do, is as Clerk says in the end of backfills and a reconcile', async () => {
    const { clerk, prisma } = service;
    await applied();
    const endpoints = clerk.webhooks.endpoints().map(({ url, secret }) => ({ url, secret }));
    loseWebhooks();
    const ids = plantUsers(clerk, 700, { perMoment: 3 });
    const organizations = Array.from({ length: 40 }, (_, index) => {
      const { id } = clerk.organizations.create({ name: `Race ${index}` });
      for (const user_id of ids.slice(index * 15, index * 15 + 15))
        clerk.organizations.addMember(id, { user_id, role: 'org:member' });
      return id;
    });
    for (const { url, secret } of endpoints) clerk.webhooks.addEndpoint(url, secret);
    clerk.webhooks.faults = { duplicate: true, reverseEvery: 5 };
    let turn = 0;
    const disturb = () => {
      turn += 1;
      for (const id of ids.slice(turn * 20, turn * 20 + 8))
        clerk.users.update(id, { first_name: `T${turn}` });
      for (const id of ids.slice(turn * 20 + 10, turn * 20 + 13)) clerk.users.delete(id);
      const comers = plantUsers(clerk, 4, { fromMs: Date.now() });
      const [gone = '', changed = ''] = [organizations.shift(), organizations.at(-1)];
      clerk.organizations.delete(gone);
      clerk.organizations.update(changed, { name: `T${turn}` });
      const [first, second] = clerk.organizations.membershipsOf(changed);
      const role = turn % 2 === 0 ? 'org:admin' : 'org:member';
      clerk.organizations.updateMember(changed, first?.public_user_data.user_id ?? '', { role });
      clerk.organizations.removeMember(changed, second?.public_user_data.user_id ?? '');
      for (const user_id of comers) clerk.organizations.addMember(changed, { user_id, role });
      clerk.organizations.create({ name: `Turn ${turn}`, created_by: comers[0] });
    };
    const timer = setInterval(() => turn < 25 && disturb(), 20);
    const onProgress = () => turn < 30 && disturb();
    try {
      await Promise.all([
        createSync(clerk, prisma).backfill({ onProgress }),
        createSync(clerk, prisma).backfill({ onProgress }),
      ]);
      await createSync(clerk, prisma).reconcile({ onProgress });
    } finally {
      clearInterval(timer);
    }
    clerk.webhooks.faults = {};
    clerk.webhooks.release();
    await clerk.webhooks.idle(60_000);
    await applied();
    const living = { where: { deletedAt: null } };
    const [rows, orgRows, memberRows] = await Promise.all([
      prisma.user.findMany(living),
      prisma.organization.findMany(living),
      prisma.organizationMembership.findMany(living),
    ]);
    const words = (...[id, state, at]: [string, string | null, number]) => [id, state, at].join(' ');
    const users = clerk.users.all();
    expect(rows.map((row) => words(row.clerkId, row.firstName, row.updatedAt.getTime())).toSorted()).toEqual(
      users.map((user) => words(user.id, user.first_name, user.updated_at)).toSorted(),
    );
    const all = users.flatMap(({ id }) => clerk.organizations.membershipsOfUser(id));
    const orgIds = orgRows.map(({ clerkId }) => clerkId);
    expect(orgIds.toSorted()).toEqual(expect.arrayContaining(organizations.toSorted()));
    expect(orgRows.map((row) => words(row.clerkId, row.name, row.updatedAt.getTime()))).toEqual(
      orgIds
        .map((id) => clerk.organizations.get(id))
        .map(({ id, name, updated_at }) => words(id, name, updated_at)),
    );
    expect(memberRows.map((row) => words(row.clerkId, row.role, row.updatedAt.getTime())).toSorted()).toEqual(
      all.map(({ id, role, updated_at }) => words(id, role, updated_at)).toSorted(),
    );
  }, 240_000);
});
