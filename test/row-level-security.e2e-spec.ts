import { randomUUID } from 'node:crypto';

import { Prisma } from '../prisma/generated/client.js';
import { AssessmentsService } from '../apps/api/src/assessments/assessments.service.js';
import { ChatMessages } from '../apps/api/src/chat/chat-messages.js';
import { ConversationsService } from '../apps/api/src/chat/conversations.service.js';
import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { actAs, withAuth } from '../apps/api/src/database/with-auth.js';
import { RatingsService } from '../apps/api/src/ratings/ratings.service.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { createMirroredUser } from './support/mirrored-user.js';

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

const scoped = (userId: string) => prisma.$extends(withAuth({ userId }));

interface Owned {
  readonly userId: string;
  readonly conversationId: string;
  readonly ratingId: string;
}

/** Somebody with one row in each of the tables that are users' own. */
async function plant(): Promise<Owned> {
  const { clerkId: userId } = await createMirroredUser(prisma);
  const message = { role: 'user', content: 'mine' };
  const result = { assessment: 'reef-safety', userId: randomUUID(), clerkUserId: userId };
  const conversation = await prisma.conversation.create({
    data: { clerkUserId: userId, title: 'mine', messages: { create: message } },
  });
  const rating = await prisma.rating.create({
    data: { errandId: 'e1', role: 'runner', raterClerkId: userId, ratedClerkId: 'user_rated', stars: 4 },
  });
  await prisma.assessmentAttempt.create({ data: { ...result, correct: 4, total: 4, isPassed: true } });
  await prisma.certificate.create({ data: { ...result, code: randomUUID(), holderName: 'Ada' } });
  return { userId, conversationId: conversation.id, ratingId: rating.id };
}

/** Tables of rows that are users' own, and the column that says whose. */
const TABLES = [
  ['ratings', 'rater_clerk_id'],
  ['conversations', 'clerk_user_id'],
  ['chat_messages', 'clerk_user_id'],
  ['assessment_attempts', 'clerk_user_id'],
  ['certificates', 'clerk_user_id'],
] as const;

const OTHERS_TABLES = [
  'users',
  'organizations',
  'organization_memberships',
  'subscriptions',
  'clerk_webhook_events',
  'clerk_sync_runs',
  '_prisma_migrations',
];

type OwnedTable = readonly [table: string, column: string];
type Connection = Pick<Prisma.TransactionClient, '$queryRawUnsafe'>;

/** What a query that forgot its WHERE finds: whose rows there are. */
async function ownersIn(connection: Connection, [table, column]: OwnedTable): Promise<string[]> {
  const rows = await connection.$queryRawUnsafe<{ owner: string }[]>(
    `SELECT ${column} AS owner FROM ${table}`,
  );
  return rows.map(({ owner }) => owner);
}

/** PostgreSQL's code for a row or a table that a role may not touch. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const refused = { meta: { driverAdapterError: { cause: { originalCode: '42501' } } } };

describe('guide Row level security: a broken query of the application, through the client of one user', () => {
  it.each(TABLES)('that forgets its WHERE reads of %s the rows of that user only', async (...table) => {
    const [ada, ben] = [await plant(), await plant()];
    expect(await ownersIn(prisma, table)).toEqual(expect.arrayContaining([ada.userId, ben.userId]));
    expect(await ownersIn(scoped(ada.userId), table)).toEqual([ada.userId]);
    expect(await scoped(ben.userId).$transaction((one) => ownersIn(one, table))).toEqual([ben.userId]);
  });

  it('that forgets its WHERE reads as little by models as by SQL', async () => {
    const { userId } = await plant();
    const own = scoped(userId);
    const found = await Promise.all([
      own.rating.findMany(),
      own.conversation.findMany({ include: { messages: true } }),
      own.chatMessage.findMany(),
      own.assessmentAttempt.findMany(),
      own.certificate.findMany(),
    ]);
    expect(found.map((rows) => rows.length)).toEqual([1, 1, 1, 1, 1]);
  });

  it("that asks for somebody else's row finds none", async () => {
    const [ada, ben] = [await plant(), await plant()];
    const own = scoped(ada.userId);
    expect(await own.rating.findUnique({ where: { id: ben.ratingId } })).toBeNull();
    expect(await own.conversation.findUnique({ where: { id: ben.conversationId } })).toBeNull();
    expect(await own.chatMessage.findFirst({ where: { clerkUserId: ben.userId } })).toBeNull();
  });

  it("that forgets its WHERE changes nobody else's row", async () => {
    const [ada, ben] = [await plant(), await plant()];
    expect(await scoped(ada.userId).rating.updateMany({ data: { stars: 1 } })).toEqual({ count: 1 });
    const starsOf = async ({ ratingId }: Owned) =>
      (await prisma.rating.findUniqueOrThrow({ where: { id: ratingId } })).stars;
    expect([await starsOf(ada), await starsOf(ben)]).toEqual([1, 4]);
  });

  it("that writes in somebody else's name is refused, new rows and moved ones", async () => {
    const [ada, ben] = [await plant(), await plant()];
    const own = scoped(ada.userId);
    const rating = { errandId: 'e2', role: 'runner', ratedClerkId: 'user_rated', stars: 1 };
    const attempts = [
      own.rating.create({ data: { ...rating, raterClerkId: ben.userId } }),
      own.rating.updateMany({ data: { raterClerkId: ben.userId, errandId: 'e3' } }),
      own.conversation.create({ data: { clerkUserId: ben.userId, title: 'forged' } }),
      own.chatMessage.create({
        data: {
          conversationId: ben.conversationId,
          clerkUserId: ben.userId,
          role: 'user',
          content: 'forged',
        },
      }),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(refused);
    expect(await prisma.rating.count({ where: { raterClerkId: ben.userId } })).toBe(1);
    expect(await prisma.chatMessage.count({ where: { clerkUserId: ben.userId } })).toBe(1);
  });

  it("that puts a message into somebody else's conversation is refused by the key", async () => {
    const [ada, ben] = [await plant(), await plant()];
    const said = { conversationId: ben.conversationId, clerkUserId: ada.userId, role: 'user', content: 'x' };
    await expect(scoped(ada.userId).chatMessage.create({ data: said })).rejects.toMatchObject({
      code: 'P2003',
    });
  });

  it('that writes a result is refused: the service alone does', async () => {
    const { userId } = await plant();
    const own = scoped(userId);
    const result = { assessment: 'tide-tables', clerkUserId: userId };
    const attempts = [
      own.assessmentAttempt.create({ data: { ...result, correct: 9, total: 9, isPassed: true } }),
      own.assessmentAttempt.updateMany({ data: { correct: 3 } }),
      own.certificate.create({ data: { ...result, code: randomUUID() } }),
      own.certificate.updateMany({ data: { holderName: 'Somebody' } }),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(refused);
  });

  it.each(TABLES)('that deletes everything in %s is refused', async (table) => {
    const { userId } = await plant();
    const deletion = scoped(userId).$executeRawUnsafe(`DELETE FROM ${table}`);
    await expect(deletion).rejects.toMatchObject(refused);
  });

  it.each(OTHERS_TABLES)('that reads %s is refused: it is not for users', async (table) => {
    const read = scoped('user_1').$queryRawUnsafe(`SELECT * FROM ${table}`);
    await expect(read).rejects.toMatchObject(refused);
  });
});

describe('guide Row level security: the application, with a database client that forgets every WHERE of a list', () => {
  const FORGETFUL = new Set(['findMany', 'findFirst', 'count', 'groupBy']);

  /** In place of the code of each list being wrong: the services are those that run. */
  function forgetful(): PrismaService {
    const client = prisma.$extends({
      query: {
        $allModels: {
          $allOperations: ({ operation, args, query }) =>
            query(FORGETFUL.has(operation) ? { ...args, where: {} } : args),
        },
      },
    });
    // An extended client is of another type, and has all that the services use.
    return client as unknown as PrismaService;
  }

  it('lists for a user what is his, and nothing of anybody else', async () => {
    const [{ userId, conversationId }, ben] = [await plant(), await plant()];
    const client = forgetful();
    const where = { clerkUserId: userId };
    const everybodys = await client.conversation.findMany({ where });
    expect(everybodys.map(({ clerkUserId }) => clerkUserId)).toContain(ben.userId);

    const [owner, page] = [{ userId }, { limit: 100 }];
    const chat = new ConversationsService(client);
    const assessments = new AssessmentsService(client);
    const conversations = await chat.list(owner, page);
    expect(conversations.rows.map(({ id }) => id)).toEqual([conversationId]);
    const { rows: said } = await chat.read(owner, { id: conversationId, page });
    expect(said.map(({ clerkUserId }) => clerkUserId)).toEqual([userId]);
    expect((await assessments.history(owner, page)).rows).toMatchObject([{ clerkUserId: userId }]);
    expect((await assessments.progress(owner)).get('reef-safety')?.attempts).toBe(1);
    const given = await new RatingsService(client).given(owner, page);
    expect(given.rows).toMatchObject([{ raterClerkId: userId }]);
    const messages = new ChatMessages(client);
    expect(await messages.lastConversationId(userId)).toBe(conversationId);
    expect(await messages.recent({ userId, conversationId: ben.conversationId })).toHaveLength(1);
  });
});

describe("the application, with a database client that writes everything in somebody else's name", () => {
  /** In place of the code of each write being wrong: the services are those that run. */
  function forging(victimId: string): PrismaService {
    const forged = { raterClerkId: victimId };
    const said = { clerkUserId: victimId };
    const client = prisma.$extends({
      query: {
        rating: {
          upsert: ({ args, query }) => query({ ...args, create: { ...args.create, ...forged } }),
        },
        conversation: { createMany: ({ args, query }) => query(renamed(args, said)) },
        chatMessage: { createMany: ({ args, query }) => query(renamed(args, said)) },
      },
    });
    // An extended client is of another type, and has all that the services use.
    return client as unknown as PrismaService;
  }

  it('rates for nobody else: row level security refuses it, and nothing is left', async () => {
    const [ada, ben, cay] = [await plant(), await plant(), await plant()];
    const part = { errandId: 'e9', role: 'customer' } as const;
    const verdict = { ratedId: cay.userId, stars: 1 };
    const rate = (client: PrismaService) =>
      new RatingsService(client).rate({ userId: ada.userId }, part, verdict);
    await expect(rate(forging(ben.userId))).rejects.toMatchObject(refused);
    expect(await prisma.rating.count({ where: { ratedClerkId: cay.userId } })).toBe(0);
    expect(await rate(prisma)).toMatchObject({ raterClerkId: ada.userId });
  });

  it('says nothing for anybody else: row level security refuses it, and nothing is left', async () => {
    const [ada, ben] = [await plant(), await plant()];
    const thread = { userId: ada.userId, conversationId: randomUUID() };
    const keep = (client: PrismaService) =>
      new ChatMessages(client).keep(thread, { question: 'Hi', answer: 'Hello' });
    const kept = () => prisma.chatMessage.count({ where: { conversationId: thread.conversationId } });
    await expect(keep(forging(ben.userId))).rejects.toMatchObject(refused);
    expect(await kept()).toBe(0);
    await keep(prisma);
    expect(await kept()).toBe(2);
  });
});

function renamed<Args extends { readonly data: object | readonly object[] }>(args: Args, name: object): Args {
  const data = [args.data].flat().map((row) => Object.assign({}, row, name));
  return { ...args, data };
}

describe('the tables, to whom writes past the service as Supabase lets users do', () => {
  const rating = { role: 'runner', ratedClerkId: 'user_rated', stars: 4 };

  it.each<[string, (own: ReturnType<typeof scoped>, owned: Owned) => Promise<unknown>]>([
    [
      'an errand id that is none',
      (own, { userId }) =>
        own.rating.create({ data: { ...rating, errandId: 'e'.repeat(65), raterClerkId: userId } }),
    ],
    [
      'a long title',
      (own, { userId }) => own.conversation.create({ data: { clerkUserId: userId, title: 't'.repeat(81) } }),
    ],
    [
      "a model's orders",
      (own, owned) => own.chatMessage.create({ data: { ...messageOf(owned), role: 'system' } }),
    ],
    [
      'a long message',
      (own, owned) => own.chatMessage.create({ data: { ...messageOf(owned), content: 'x'.repeat(100_001) } }),
    ],
  ])('refuse %s', async (_name, write) => {
    const owned = await plant();
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: check_violation
    const violation = { meta: { driverAdapterError: { cause: { originalCode: '23514' } } } };
    await expect(write(scoped(owned.userId), owned)).rejects.toMatchObject(violation);
  });

  it('refuse everything of a user who is deleted or was never here', async () => {
    const gone = await plant();
    await prisma.user.update({ where: { clerkId: gone.userId }, data: { deletedAt: new Date() } });
    for (const userId of [gone.userId, 'user_nobody']) {
      const own = scoped(userId);
      const attempts = [
        own.rating.create({ data: { ...rating, errandId: 'e7', raterClerkId: userId } }),
        own.conversation.create({ data: { clerkUserId: userId, title: 'x' } }),
        own.chatMessage.create({ data: { ...messageOf(gone), clerkUserId: userId } }),
      ];
      for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(refused);
    }
    await expect(scoped(gone.userId).rating.updateMany({ data: { stars: 1 } })).rejects.toMatchObject(
      refused,
    );
  });

  function messageOf({ userId, conversationId }: Owned) {
    return { conversationId, clerkUserId: userId, role: 'user', content: 'x' };
  }
});

describe('the client of one user', () => {
  it('sees nothing when it has no claims, and of a user without rows none', async () => {
    await plant();
    const seen = prisma.$transaction(async (transaction) => {
      await transaction.$executeRawUnsafe('SET LOCAL ROLE authenticated');
      return Promise.all(TABLES.map((table) => ownersIn(transaction, table)));
    });
    expect(await seen).toEqual(TABLES.map(() => []));
    expect(await ownersIn(scoped('user_nobody'), TABLES[0])).toEqual([]);
  });

  it('takes a quote in an id for a quote', async () => {
    const { userId } = await plant();
    for (const id of [`x","sub":"${userId}`, `x'; RESET ROLE; --`]) {
      expect(await ownersIn(scoped(id), TABLES[0])).toEqual([]);
    }
  });

  it('leaves the connection as it was, after a failure too', async () => {
    const { userId } = await plant();
    const own = scoped(userId);
    const who = () =>
      prisma.$queryRawUnsafe(
        `SELECT current_user = session_user AS "isItself", coalesce(current_setting('request.jwt.claims', true), '') AS claims`,
      );
    await own.rating.findMany();
    await expect(own.$executeRawUnsafe('DELETE FROM ratings')).rejects.toMatchObject(refused);
    await expect(own.$transaction(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    for (let asked = 0; asked < 12; asked += 1) {
      expect(await who()).toEqual([{ isItself: true, claims: '' }]);
    }
  });

  it('is kept apart from those of others and from the service itself, on the same connections at the same time', async () => {
    const owners = await Promise.all(Array.from({ length: 5 }, plant));
    const ask = async ({ userId }: { userId: string }) => {
      const [own, all] = await Promise.all([
        ownersIn(scoped(userId), TABLES[2]),
        ownersIn(prisma, TABLES[2]),
      ]);
      expect([own, all.length >= owners.length]).toEqual([[userId], true]);
    };
    // Twice as many as there are connections: who waits over two seconds for one is refused.
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([...owners, ...owners].map(ask));
    }
  });

  it('keeps all of a transaction or nothing', async () => {
    const { userId } = await plant();
    const work = scoped(userId).$transaction(async (transaction) => {
      await transaction.rating.updateMany({ data: { stars: 2 } });
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await prisma.rating.findFirst({ where: { raterClerkId: userId } })).toMatchObject({ stars: 4 });
  });
});

describe('the policy of each table', () => {
  /** What `userId` sees of a table after `change`, of which nothing stays. */
  async function seenAfter(change: string, { userId }: Owned, table: OwnedTable) {
    let seen: string[] = [];
    const undo = new Error('undo');
    const work = prisma.$transaction(async (transaction) => {
      await transaction.$executeRawUnsafe(change);
      await actAs(transaction, { userId });
      seen = await ownersIn(transaction, table);
      throw undo;
    });
    await expect(work).rejects.toBe(undo);
    return seen;
  }

  it.each(TABLES)(
    'is what shows a user his rows of %s, and row security what hides the others',
    async (...table) => {
      const [ada, ben] = [await plant(), await plant()];
      const [name] = table;
      expect(await seenAfter('SELECT 1', ada, table)).toEqual([ada.userId]);
      expect(await seenAfter(`DROP POLICY own ON ${name}`, ada, table)).toEqual([]);
      expect(await seenAfter(`ALTER TABLE ${name} DISABLE ROW LEVEL SECURITY`, ada, table)).toEqual(
        expect.arrayContaining([ada.userId, ben.userId]),
      );
    },
  );
});
