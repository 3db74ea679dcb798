import { ClerkSandbox, createWebhookSecret } from 'clerk-sandbox';

import { readEnvironment } from '../apps/api/src/config/environment.js';
import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { type Service, startService } from '../apps/api/src/service.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { closeAll } from './support/guarded-app.js';
import { until } from './support/service.js';
import { createSync, plantUsers } from './support/sync.js';
import { TcpProxy } from './support/tcp-proxy.js';

// The 27.6 hours of retries take three seconds, and the five days after which an endpoint is switched off thirteen.
const TIME_SCALE = 0.00003;
import.meta.jest.setTimeout(120_000);

const closing: (() => unknown)[] = [];
let clerk: ClerkSandbox;
let proxy: TcpProxy;
let service: Service;
let prisma: PrismaService;

beforeAll(async () => {
  const secret = createWebhookSecret();
  clerk = await ClerkSandbox.start({ seed: false, retryTimeScale: TIME_SCALE });
  closing.push(() => clerk.stop());
  const database = await createTestDatabase();
  closing.push(() => database.drop());
  const direct = urlOf(database);
  proxy = await TcpProxy.to(Number(direct.port || 5432), direct.hostname);
  closing.push(() => proxy.close());
  const url = new URL(direct);
  url.port = String(proxy.port);
  Object.assign(process.env, {
    CLERK_SECRET_KEY: clerk.secretKey,
    CLERK_PUBLISHABLE_KEY: clerk.publishableKey,
    CLERK_API_URL: clerk.url,
    CLERK_WEBHOOK_SECRET: secret,
  });
  const environment = { ...readEnvironment({}), isSandboxed: false, port: 0, redisUrls: [] };
  service = await startService({ ...environment, database: { kind: 'postgres', url: url.href } }, false);
  closing.push(() => service.app.close());
  prisma = await PrismaService.open(database.options);
  closing.push(() => prisma.onApplicationShutdown());
  clerk.webhooks.addEndpoint(`${service.url}/webhooks/clerk`, secret);
}, 90_000);

afterAll(() => closeAll(closing));

function urlOf({ options }: TestDatabase): URL {
  return new URL(options.kind === 'postgres' ? options.url : '');
}

const isDisabled = () => clerk.webhooks.endpoints().some((endpoint) => endpoint.isDisabled);

async function settled(): Promise<void> {
  await clerk.webhooks.idle(60_000);
  await until(
    () => prisma.clerkWebhookEvent.count({ where: { status: 'pending' } }),
    (pending) => pending === 0,
  );
}

/** Every user, as Clerk has him and as the mirror has him. */
async function bothSides() {
  const rows = await prisma.user.findMany({ where: { deletedAt: null } });
  const words = (...[id, name, at, isActive]: [string, string | null, number, boolean]) =>
    [id, name, at, isActive].join(' ');
  return {
    mirror: rows
      .map((row) => words(row.clerkId, row.firstName, row.updatedAt.getTime(), row.isActive))
      .toSorted(),
    clerk: clerk.users
      .all()
      .map((user) => words(user.id, user.first_name, user.updated_at, !user.banned))
      .toSorted(),
  };
}

it('after a day of failed attempts and an endpoint that was switched off, a reconcile ends in the state of Clerk', async () => {
  const ids = plantUsers(clerk, 60);
  const [changed = '', banned = '', gone = '', changedLater = '', goneLater = ''] = ids;
  await settled();
  const before = await bothSides();
  expect(before.mirror).toEqual(before.clerk);
  expect(before.mirror.length).toBe(60);

  await proxy.cut();
  clerk.users.update(changed, { first_name: 'Changed' });
  clerk.users.ban(banned);
  clerk.users.delete(gone);
  const [created = ''] = plantUsers(clerk, 1);
  await clerk.webhooks.idle(60_000);
  // Each had the eight attempts of 27.6 hours, and was given up.
  const failed = clerk.webhooks.messages().filter(({ attempts }) => attempts.length > 1);
  expect(failed.map(({ type }) => type).toSorted()).toEqual([
    'user.created',
    'user.deleted',
    'user.updated',
    'user.updated',
  ]);
  for (const { attempts } of failed) {
    expect(attempts.map(({ status, outcome }) => [status, outcome])).toEqual(
      Array.from({ length: 8 }, () => [503, 'failed']),
    );
  }
  expect(isDisabled()).toBe(false);
  await until(async () => {
    // One at a time: the first failure after five days of nothing else is what counts.
    const isTried = clerk.webhooks.messages().every(({ attempts }) => attempts.length > 0);
    if (isTried) clerk.users.update(changedLater, { first_name: `Changed at ${Date.now()}` });
    return isDisabled();
  }, Boolean);
  await clerk.webhooks.idle(60_000);

  await proxy.restore();
  // The database is back, and Clerk does not tell of anything any more.
  clerk.users.delete(goneLater);
  const [createdLater = ''] = plantUsers(clerk, 1);
  await settled();
  const [newest, second] = clerk.webhooks.messages();
  expect([newest?.type, newest?.attempts, second?.attempts]).toEqual(['user.created', [], []]);
  expect((await bothSides()).mirror).toEqual(before.mirror);

  const report = await createSync(clerk, prisma).reconcile();
  expect(report).toMatchObject({ missing: 2, stale: 3, extra: 2, fuse: null });
  await settled();
  const after = await bothSides();
  expect(after.mirror).toEqual(after.clerk);
  const known = await prisma.user.findMany({
    where: { clerkId: { in: [created, createdLater, gone, goneLater] } },
  });
  expect(new Map(known.map(({ clerkId, deletedAt }) => [clerkId, deletedAt === null]))).toEqual(
    new Map([
      [created, true],
      [createdLater, true],
      [gone, false],
      [goneLater, false],
    ]),
  );
});
