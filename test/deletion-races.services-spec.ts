import { randomUUID } from 'node:crypto';

import { Client } from 'pg';

import type { Prisma } from '../prisma/generated/client.js';
import { AssessmentsService } from '../apps/api/src/assessments/assessments.service.js';
import { allAssessments } from '../apps/api/src/assessments/catalogue.js';
import { ChatMessages } from '../apps/api/src/chat/chat-messages.js';
import type { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { withAuth } from '../apps/api/src/database/with-auth.js';
import { RatingsService } from '../apps/api/src/ratings/ratings.service.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { createMirroredUser } from './support/mirrored-user.js';
import { createPerson, type Person } from './support/person.js';
import { startTestService, type TestAnswer, type TestService, until } from './support/service.js';

let database: TestDatabase;
let service: TestService;
let prisma: PrismaService;
let deleter: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  service = await startTestService({ database: database.options });
  prisma = service.prisma;
  deleter = new Client({
    connectionString: database.options.kind === 'postgres' ? database.options.url : '',
  });
  await deleter.connect();
}, 90_000);

afterAll(async () => {
  await deleter.end();
  await service.stop();
  await database.drop();
});

type User = Awaited<ReturnType<typeof createMirroredUser>>;
type Write = (gone: User, other: User) => Promise<unknown>;

const right = () =>
  Object.fromEntries(
    (allAssessments()[0]?.questions ?? []).map(({ id, correctChoice }) => [id, correctChoice]),
  );
const part = { errandId: 'e1', role: 'runner' } as const;

const WRITES: [string, Write, object][] = [
  [
    'a rating by him',
    (gone, other) =>
      new RatingsService(prisma).rate({ userId: gone.clerkId }, part, { ratedId: other.clerkId, stars: 5 }),
    { code: 'USER_DELETED' },
  ],
  [
    'a rating of him',
    (gone, other) =>
      new RatingsService(prisma).rate({ userId: other.clerkId }, part, { ratedId: gone.clerkId, stars: 5 }),
    { response: { code: 'USER_NOT_FOUND' } },
  ],
  [
    'an attempt',
    async (gone) => {
      const [assessment] = allAssessments();
      return assessment && new AssessmentsService(prisma).take(gone, assessment, right());
    },
    { code: 'USER_DELETED' },
  ],
  [
    'an answer of the chat',
    async (gone) => {
      const thread = { userId: gone.clerkId, conversationId: randomUUID() };
      await new ChatMessages(prisma).keep(thread, { question: 'Hi', answer: 'Hello' });
      throw Object.assign(new Error('Kept silently: the answer is with the user already.'), {
        code: 'SILENT',
      });
    },
    { code: 'SILENT' },
  ],
  [
    'what he writes past the service',
    (gone) =>
      prisma
        .$extends(withAuth({ userId: gone.clerkId }))
        .conversation.create({ data: { clerkUserId: gone.clerkId, title: 'x' } }),
    { meta: { driverAdapterError: { cause: { originalCode: '42501' } } } },
  ],
];

/** Statements that wait for somebody's rows now. */
async function waitingStatements(): Promise<number> {
  const rows = await prisma.$queryRawUnsafe<unknown[]>(
    `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
  );
  return rows.length;
}

/** No webhook is under way: what waits from now on is what the test is about. */
async function untilQuiet(): Promise<void> {
  await service.clerk.webhooks.idle();
  const unfinished = () => prisma.clerkWebhookEvent.count({ where: { finishedAt: null } });
  await until(unfinished, (count) => count === 0);
}

/** How many rows of the host's tables are about one of these users. */
async function rowsAbout(...users: readonly { readonly clerkId: string }[]): Promise<number> {
  const ids = { in: users.map(({ clerkId }) => clerkId) };
  const own = { where: { clerkUserId: ids } };
  const counts = await Promise.all([
    prisma.rating.count({ where: { OR: [{ raterClerkId: ids }, { ratedClerkId: ids }] } }),
    prisma.assessmentAttempt.count(own),
    prisma.certificate.count(own),
    prisma.conversation.count(own),
    prisma.chatMessage.count(own),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('while a user is being deleted', () => {
  it.each(WRITES)('%s waits for the end of it, and then leaves nothing', async (_name, write, outcome) => {
    const [gone, other] = [await createMirroredUser(prisma), await createMirroredUser(prisma)];
    await deleter.query('BEGIN');
    await deleter.query('UPDATE users SET deleted_at = now() WHERE id = $1', [gone.id]);
    const writing = write(gone, other).catch((error: unknown) => error);
    await until(waitingStatements, (count) => count > 0);
    await deleter.query('COMMIT');
    expect(await writing).toMatchObject(outcome);
    expect(await rowsAbout(gone, other)).toBe(0);
  });

  it.each<[string, (gone: Person, other: Person) => Promise<TestAnswer>]>([
    [
      'a rating by him',
      (gone, other) =>
        service.call('/api/ratings/e1/runner', {
          method: 'PUT',
          token: gone.token,
          body: { clerk_user_id: other.id, stars: 5 },
        }),
    ],
    [
      'an attempt',
      (gone) =>
        service.call('/api/assessments/reef-safety/attempts', {
          token: gone.token,
          body: { answers: right() },
        }),
    ],
  ])('a request that was let in before is answered with USER_DELETED: %s', async (_name, send) => {
    const [gone, other] = [await createPerson(service), await createPerson(service)];
    await untilQuiet();
    await deleter.query('BEGIN');
    await deleter.query('UPDATE users SET deleted_at = now() WHERE clerk_id = $1', [gone.id]);
    const answering = send(gone, other);
    await until(waitingStatements, (count) => count > 0);
    await deleter.query('COMMIT');
    const { status, body } = await answering;
    expect([status, body.code]).toEqual([401, 'USER_DELETED']);
    expect(await rowsAbout({ clerkId: gone.id })).toBe(0);
  });
});

describe('a user.deleted', () => {
  /** The database as a service has it whose transactions are held open when all is written. */
  function heldOpen(): { client: PrismaService; written: Promise<void>; release: () => void } {
    let release = () => {};
    let tellWritten = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const written = new Promise<void>((resolve) => (tellWritten = resolve));
    const client = prisma.$extends({
      client: {
        $transaction: <T>(work: (transaction: Prisma.TransactionClient) => Promise<T>) =>
          prisma.$transaction(
            async (transaction) => {
              const answer = await work(transaction);
              tellWritten();
              await gate;
              return answer;
            },
            // Held open for as long as a webhook takes to come and wait.
            { maxWait: 5_000, timeout: 20_000 },
          ),
      },
    });
    // An extended client is of another type, and has all that the services use.
    return { client: client as unknown as PrismaService, written, release };
  }

  it.each<[string, (gone: User, other: User, client: PrismaService) => Promise<unknown>]>([
    [
      'a rating by him',
      (gone, other, client) =>
        new RatingsService(client).rate({ userId: gone.clerkId }, part, { ratedId: other.clerkId, stars: 5 }),
    ],
    [
      'a rating of him',
      (gone, other, client) =>
        new RatingsService(client).rate({ userId: other.clerkId }, part, { ratedId: gone.clerkId, stars: 5 }),
    ],
    [
      'an attempt and its certificate',
      async (gone, _other, client) => {
        const [assessment] = allAssessments();
        return assessment && new AssessmentsService(client).take(gone, assessment, right());
      },
    ],
    [
      'an answer of the chat',
      (gone, _other, client) =>
        new ChatMessages(client).keep(
          { userId: gone.clerkId, conversationId: randomUUID() },
          { question: 'Hi', answer: 'Hello' },
        ),
    ],
  ])('waits for %s that is being written, and then leaves nothing of it', async (_name, write) => {
    const [gone, other] = [await mirrored(), await mirrored()];
    await untilQuiet();
    const { client, written, release } = heldOpen();
    const writing = write(gone, other, client);
    await written;
    service.clerk.users.delete(gone.clerkId);
    await until(waitingStatements, (count) => count > 0);
    release();
    await writing;
    await untilDeleted(gone);
    expect(await rowsAbout(gone)).toBe(0);
  });

  it('of two users who rated each other is done for both at once: the one who is second waits, and holds nothing', async () => {
    const [ada, ben] = [await mirrored(), await mirrored()];
    await untilQuiet();
    const [first, last] = ['00000000-0000-4000-8000-000000000000', 'ffffffff-0000-4000-8000-000000000000'];
    const said = { role: 'runner', errandId: 'e1', stars: 3 };
    // In the table's own order, the one that comes last by its id is the first.
    await prisma.rating.create({
      data: { ...said, id: last, raterClerkId: ada.clerkId, ratedClerkId: ben.clerkId },
    });
    await prisma.rating.create({
      data: { ...said, id: first, raterClerkId: ben.clerkId, ratedClerkId: ada.clerkId },
    });
    await deleter.query('BEGIN');
    await deleter.query('SELECT FROM ratings WHERE id = $1 FOR UPDATE', [first]);
    service.clerk.users.delete(ada.clerkId);
    service.clerk.users.delete(ben.clerkId);
    await until(waitingStatements, (count) => count === 2);
    const free = await deleter.query('SELECT id FROM ratings WHERE id = $1 FOR UPDATE SKIP LOCKED', [last]);
    await deleter.query('ROLLBACK');
    expect(free.rows).toEqual([{ id: last }]);
    await untilDeleted(ada, ben);
    expect(await rowsAbout(ada, ben)).toBe(0);
  });

  /** Somebody whom Clerk knows, and the mirror as well. */
  async function mirrored(): Promise<User> {
    const { id } = await createPerson(service);
    return { ...(await prisma.user.findUniqueOrThrow({ where: { clerkId: id } })), metadata: {} };
  }

  async function untilDeleted(...users: readonly User[]): Promise<void> {
    const clerkId = { in: users.map((user) => user.clerkId) };
    const deleted = () => prisma.user.count({ where: { clerkId, deletedAt: { not: null } } });
    await until(deleted, (count) => count === users.length);
  }
});
