import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { describeMirror } from '../libs/clerk/src/mirror/mirror.contract.js';
import { describeMirrorHistories } from '../libs/clerk/src/mirror/mirror-histories.contract.js';
import type { Mirror } from '../libs/clerk/src/mirror/mirror.js';
import { prismaMirror } from '../libs/clerk/src/mirror/prisma-mirror.js';
import { backends, createTestDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let prisma: PrismaService;

beforeAll(async () => {
  database = await createTestDatabase();
  prisma = await PrismaService.open(database.options);
  if (backends === 'services') await sortAsPeopleDo();
}, 90_000);

afterAll(async () => {
  await prisma.onApplicationShutdown();
  await database.drop();
});

/** A database whose language sorts `a B b` unlike bytes do: the order of delivery ids must not follow it. */
async function sortAsPeopleDo(): Promise<void> {
  for (const table of ['users', 'organizations', 'organization_memberships', 'subscriptions']) {
    await prisma.$executeRawUnsafe(
      `ALTER TABLE ${table} ALTER COLUMN source_delivery_id TYPE text COLLATE "en-x-icu"`,
    );
  }
}

const create = () => ({
  mirror: prismaMirror(prisma),
  transaction: <T>(work: (mirror: Mirror) => Promise<T>) =>
    prisma.$transaction((transaction) => work(prismaMirror(transaction)), {
      maxWait: 20_000,
      timeout: 20_000,
    }),
});

describe('the mirror in the database', () => {
  describeMirror(create);
});

describe('histories in the database', () => {
  describeMirrorHistories(create, { runs: 40 });
});
