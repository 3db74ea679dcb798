import { ClerkSandbox } from 'clerk-sandbox';
import type { ClerkDatabase, ClerkDatabaseConnection } from 'nest-clerk';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { prismaMirror } from '../libs/clerk/src/mirror/prisma-mirror.js';
import { PrismaSyncStore } from '../libs/clerk/src/sync/prisma-sync-store.js';
import { SYNC_KINDS } from '../libs/clerk/src/sync/sync-kind.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { plantUsers } from './support/sync.js';

// Only where a database has several connections can one transaction come between two statements of another.

let database: TestDatabase;
let prisma: PrismaService;

beforeAll(async () => {
  database = await createTestDatabase();
  prisma = await PrismaService.open(database.options);
}, 90_000);

afterAll(async () => {
  await prisma.onApplicationShutdown();
  await database.drop();
});

/** The same connections; before a membership is inserted, `meanwhile` is done. */
function disturbed(meanwhile: () => Promise<void>): ClerkDatabase {
  const wrap = (connection: ClerkDatabaseConnection): ClerkDatabaseConnection => ({
    $queryRawUnsafe: async <T>(sql: string, ...parameters: unknown[]) => {
      if (sql.startsWith('INSERT INTO organization_memberships')) await meanwhile();
      return connection.$queryRawUnsafe<T>(sql, ...parameters);
    },
    $executeRawUnsafe: (sql, ...parameters) => connection.$executeRawUnsafe(sql, ...parameters),
  });
  return {
    ...wrap(prisma),
    $transaction: (work, options) => prisma.$transaction((transaction) => work(wrap(transaction)), options),
  };
}

/** Until another connection waits for a lock. */
async function lockAwaited(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const [row] = await prisma.$queryRawUnsafe<{ count: number }[]>(
      `SELECT count(*)::int AS "count" FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if ((row?.count ?? 0) > 0) return;
  }
}

it('a membership that a backfill writes does not outlive an organisation that ends at the same moment', async () => {
  const clerk = await ClerkSandbox.start({ seed: false });
  const [ada = ''] = plantUsers(clerk, 1);
  const { id } = clerk.organizations.create({ name: 'Shop', created_by: ada });
  const membership = clerk.organizations.membership(id, ada);
  await clerk.stop();
  const kind = SYNC_KINDS.find(({ name }) => name === 'memberships');
  if (kind === undefined) throw new Error('There is no such kind.');
  const written = new AbortController();
  const afterWrite = new Promise<void>((resolve) => {
    written.signal.addEventListener('abort', () => resolve());
  });
  let ending: Promise<void> = Promise.resolve();
  const endOrganization = async (): Promise<void> => {
    const version = { updatedAtMs: 1, timestampMs: 1, deliveryId: 'msg_1' };
    await new Promise<void>((resolve) => {
      const end = async (transaction: ClerkDatabaseConnection): Promise<void> => {
        await prismaMirror(transaction).organizations.delete(id, version);
        resolve();
        await afterWrite;
      };
      ending = prisma.$transaction(end, { timeout: 20_000 });
      void lockAwaited(written.signal).then(resolve);
    });
  };
  await new PrismaSyncStore(disturbed(endOrganization), 'default').write(kind, [membership]);
  written.abort();
  await ending;
  expect(await prisma.organizationMembership.count()).toBe(0);
  expect(await prisma.organization.findMany()).toMatchObject([{ clerkId: id, name: null }]);
});
