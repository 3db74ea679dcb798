import { randomUUID } from 'node:crypto';

import { Redis } from 'ioredis';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { RedisSessionCache } from '../libs/clerk/src/sessions/redis-session-cache.js';
import { describeSessionCache } from '../libs/clerk/src/sessions/session-cache.contract.js';
import { PrismaUserMirror } from '../libs/clerk/src/users/prisma-user-mirror.js';
import { describeUserMirror } from '../libs/clerk/src/users/user-mirror.contract.js';
import { PrismaWebhookInbox } from '../libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import { describeWebhookInbox } from '../libs/clerk/src/webhooks/webhook-inbox.contract.js';
import { backends, createTestDatabase, type TestDatabase } from './support/database.js';

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

describe('users in the database', () => {
  describeUserMirror(() => new PrismaUserMirror(prisma), { runs: 60 });
});

describe('webhooks in the database', () => {
  describeWebhookInbox(() => ({
    inbox: new PrismaWebhookInbox(prisma, randomUUID()),
    users: new PrismaUserMirror(prisma),
    bury: (id) => prisma.clerkWebhookEvent.update({ where: { id }, data: { status: 'dead', attempts: 10 } }),
    payloadOf: async (id) => (await prisma.clerkWebhookEvent.findUniqueOrThrow({ where: { id } })).payload,
  }));
});

describe('webhooks of several registrations in one database', () => {
  it('are applied by the one whose endpoint received them', async () => {
    const [shop, staff] = [new PrismaWebhookInbox(prisma, 'shop'), new PrismaWebhookInbox(prisma, 'staff')];
    const id = `msg_registration_${Date.now()}`;
    const nothing = { entityId: null, userId: null, instanceId: null, payload: null };
    await shop.store({ ...nothing, id, type: 'role.created', timestampMs: 1 });
    const apply = () => Promise.resolve('ignored' as const);
    expect(await staff.drainOne(apply)).toEqual({ outcome: 'idle' });
    expect(await shop.drainOne(apply)).toMatchObject({ outcome: 'handled', delivery: { id } });
  });
});

describe('the schema', () => {
  it('is what the migrations make', async () => {
    const tables = await prisma.$queryRawUnsafe<{ name: string }[]>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`,
    );
    expect(tables.map(({ name }) => name)).toEqual([
      '_prisma_migrations',
      'assessment_attempts',
      'certificates',
      'chat_messages',
      'clerk_sync_runs',
      'clerk_webhook_events',
      'conversations',
      'organization_memberships',
      'organizations',
      'ratings',
      'subscriptions',
      'users',
    ]);
  });
});

const onRedis = backends === 'services' ? describe : undefined;

// Not on embedded parts: there the cache is in memory and has the same suite beside it.
onRedis?.('sessions in Redis', () => {
  let redis: Redis;

  beforeAll(() => {
    redis = new Redis(process.env['TEST_REDIS_URL'] ?? '');
  });

  afterAll(() => redis.quit());

  describeSessionCache(() => ({
    cache: new RedisSessionCache(redis, 'test'),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }));

  it('of another Clerk instance are not seen, and what is no session is none', async () => {
    const session = { id: `sess_${Date.now()}`, userId: 'user_1', status: 'active', expireAtMs: 1 };
    await new RedisSessionCache(redis, 'one').set(session, 90_000);
    expect(await new RedisSessionCache(redis, 'two').get(session.id)).toBeNull();
    for (const text of ['{', '5', 'null', '{"id":"sess_other"}']) {
      await redis.set(`clerk:one:session:${session.id}`, text, 'PX', 90_000);
      expect(await new RedisSessionCache(redis, 'one').get(session.id)).toBeNull();
    }
  });

  it('say that they cannot be had within a second', async () => {
    const gone = new Redis('redis://127.0.0.1:1', {
      retryStrategy: null,
      maxRetriesPerRequest: 0,
      lazyConnect: true,
    });
    gone.on('error', () => undefined);
    await expect(new RedisSessionCache(gone, 'x').get('sess_1')).rejects.toMatchObject({
      code: 'CACHE_UNAVAILABLE',
    });
    gone.disconnect();
  });
});
