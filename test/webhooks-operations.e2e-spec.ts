import { randomUUID } from 'node:crypto';

import { createWebhookSecret, signatureHeaders } from 'clerk-sandbox';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { prismaMirror } from '../libs/clerk/src/mirror/prisma-mirror.js';
import { ATTEMPTS_MAX } from '../libs/clerk/src/webhooks/retry-delay.js';
import { PrismaWebhookInbox } from '../libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import type { WebhookDelivery } from '../libs/clerk/src/webhooks/webhook-delivery.js';
import type { ApplyDelivery } from '../libs/clerk/src/webhooks/webhook-inbox.js';
import { WebhookRetention } from '../libs/clerk/src/webhooks/webhook-retention.service.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { startTestService, type TestService, until } from './support/service.js';

const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;
const DAY_MS = 86_400_000;

describe('the inbox in the database', () => {
  let database: TestDatabase;
  let prisma: PrismaService;
  let inbox: PrismaWebhookInbox;
  let registration: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    prisma = await PrismaService.open(database.options);
  }, 90_000);

  // Nobody sees what the other tests have left.
  beforeEach(() => {
    registration = newId('registration');
    inbox = new PrismaWebhookInbox(prisma, registration);
  });

  afterAll(async () => {
    await prisma.onApplicationShutdown();
    await database.drop();
  });

  const delivery = (changes: Partial<WebhookDelivery> = {}): WebhookDelivery => ({
    id: newId('msg'),
    type: 'role.created',
    entityId: 'role_1',
    userId: null,
    timestampMs: 1_800_000_000_000,
    instanceId: 'ins_1',
    payload: { type: 'role.created' },
    ...changes,
  });
  const row = (id: string) => prisma.clerkWebhookEvent.findUniqueOrThrow({ where: { id } });
  const apply: ApplyDelivery = () => Promise.resolve('applied');
  /** As if the time until the next attempt had passed. */
  const due = () =>
    prisma.clerkWebhookEvent.updateMany({ where: { registration }, data: { nextAttemptAt: new Date(0) } });

  it('stores many at once in few statements, each once', async () => {
    const statements: string[] = [];
    const counted = new PrismaWebhookInbox(
      {
        $queryRawUnsafe: (sql, ...parameters) => {
          statements.push(sql);
          return prisma.$queryRawUnsafe(sql, ...parameters);
        },
        $executeRawUnsafe: (sql, ...parameters) => prisma.$executeRawUnsafe(sql, ...parameters),
        $transaction: (work, options) => prisma.$transaction(work, options),
      },
      registration,
    );
    const deliveries = Array.from({ length: 300 }, () => delivery());
    const twice = deliveries.flatMap((one, index) => (index % 2 === 0 ? [one, one] : [one]));
    const outcomes = await Promise.all(twice.map((one) => counted.store(one)));
    expect(outcomes).toEqual(
      deliveries.flatMap((_, index) => (index % 2 === 0 ? ['stored', 'duplicate'] : ['stored'])),
    );
    expect(await prisma.clerkWebhookEvent.count({ where: { registration } })).toBe(300);
    expect(statements.length).toBe(5);
  });

  it('stores the others when the database cannot hold one of them', async () => {
    const [good, poison, alsoGood] = [delivery(), delivery({ type: 'nul\u0000' }), delivery()];
    const outcomes = await Promise.allSettled([good, poison, alsoGood].map((one) => inbox.store(one)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await row(good.id)).status).toBe('pending');
    expect((await row(alsoGood.id)).status).toBe('pending');
  });

  it('hands over what was claimed and not handled to the next after five seconds, as a suspect', async () => {
    const one = delivery();
    await inbox.store(one);
    expect(await inbox.claim('fresh', 10)).toMatchObject([{ delivery: one, attempts: 0, starts: 1 }]);
    const { starts, nextAttemptAt } = await row(one.id);
    expect(starts).toBe(1);
    expect(nextAttemptAt.getTime() - Date.now()).toBeGreaterThan(3_000);
    expect(nextAttemptAt.getTime() - Date.now()).toBeLessThan(5_500);
    expect(await inbox.claim('suspect', 10)).toEqual([]);
    await due();
    expect(await inbox.claim('fresh', 10)).toEqual([]);
    expect(await inbox.claim('suspect', 10)).toMatchObject([{ delivery: one, starts: 2 }]);
  });

  it('does not suspect what was given back, or has failed in the open', async () => {
    const [returned, failed] = [delivery(), delivery()];
    await inbox.store(returned);
    await inbox.release(await inbox.claim('fresh', 1));
    expect(await row(returned.id)).toMatchObject({ starts: 0, status: 'pending' });
    expect(await inbox.claim('fresh', 1)).toHaveLength(1);
    await inbox.store(failed);
    expect(await inbox.drainOne(() => Promise.reject(new Error('no')))).toMatchObject({ attempts: 1 });
    expect(await row(failed.id)).toMatchObject({ starts: 0, attempts: 1, lastError: 'Error' });
  });

  it('parks what has ended four processes without trying it again', async () => {
    const one = delivery();
    await inbox.store(one);
    await inbox.claim('fresh', 1);
    for (let start = 2; start <= 4; start += 1) {
      await due();
      expect(await inbox.claim('suspect', 1)).toMatchObject([{ starts: start }]);
    }
    await due();
    const applied: string[] = [];
    const step = await inbox.drainOne(async ({ id }) => {
      applied.push(id);
      return 'applied';
    });
    expect(step).toMatchObject({ outcome: 'failed', isDead: true });
    expect(applied).toEqual([]);
    expect(await row(one.id)).toMatchObject({ status: 'dead', lastError: 'PROCESS_ENDED', starts: 0 });
  });

  it('gives a claim that came too late to nobody', async () => {
    const one = delivery();
    await inbox.store(one);
    const [late] = await inbox.claim('fresh', 1);
    await due();
    expect(await inbox.drainOne(apply)).toMatchObject({ outcome: 'handled' });
    if (late === undefined) throw new Error('nothing was claimed');
    expect(await inbox.handle(late, () => Promise.reject(new Error('handled twice')))).toEqual({
      outcome: 'taken',
    });
    expect((await row(one.id)).status).toBe('applied');
  });

  it('takes a foreign delivery again that is sent again, and keeps no body of it', async () => {
    const one = delivery({ userId: 'user_1', type: 'user.created' });
    await inbox.store(one);
    await inbox.drainOne(() => Promise.resolve('foreign'));
    expect(await row(one.id)).toMatchObject({ status: 'foreign', payload: null });
    expect(await inbox.store(one)).toBe('stored');
    expect(await row(one.id)).toMatchObject({ status: 'pending', payload: one.payload });
  });

  it('wipes nothing of ours when a foreign deletion arrives', async () => {
    const [ours, deletion] = [
      delivery({ userId: 'user_same' }),
      delivery({ type: 'user.deleted', userId: 'user_same' }),
    ];
    await inbox.store(ours);
    await inbox.drainOne(apply);
    await inbox.store(deletion);
    await inbox.drainOne(() => Promise.resolve('foreign'));
    expect((await row(ours.id)).payload).toEqual(ours.payload);
  });

  it('says what waits', async () => {
    expect(await inbox.backlog()).toEqual({
      pending: 0,
      dead: 0,
      oldestPendingSeconds: 0,
      lastReceivedSeconds: null,
    });
    const [old, dead] = [delivery(), delivery()];
    await inbox.store(old);
    await inbox.store(dead);
    await prisma.clerkWebhookEvent.update({
      where: { id: old.id },
      data: { receivedAt: new Date(Date.now() - 60_000) },
    });
    await prisma.clerkWebhookEvent.update({ where: { id: dead.id }, data: { status: 'dead' } });
    const backlog = await inbox.backlog();
    expect(backlog).toMatchObject({ pending: 1, dead: 1 });
    expect(backlog.oldestPendingSeconds).toBeGreaterThan(59);
    expect(backlog.oldestPendingSeconds).toBeLessThan(80);
    expect(backlog.lastReceivedSeconds).toBeLessThan(20);
  });

  it('forgets bodies after thirty days and ids after ninety, but nothing that waits', async () => {
    const ages = [29, 31, 89, 91];
    const statuses = ['applied', 'stale', 'dead', 'foreign', 'pending'];
    const stored = await Promise.all(
      ages.flatMap((days) =>
        statuses.map(async (status) => {
          const one = delivery();
          await inbox.store(one);
          const receivedAt = new Date(Date.now() - days * DAY_MS);
          await prisma.clerkWebhookEvent.update({
            where: { id: one.id },
            data: { status, receivedAt, payloadSince: receivedAt },
          });
          return { id: one.id, days, status };
        }),
      ),
    );
    const retention = () => new WebhookRetention({ inbox, payloadDays: 30, idDays: 90 }).prune();
    // Two instances at once.
    await Promise.all([retention(), retention()]);
    for (const { id, days, status } of stored) {
      const left = await prisma.clerkWebhookEvent.findUnique({ where: { id } });
      const hasBody = status === 'pending' || days < 30;
      const isThere = status === 'pending' || days < 90;
      expect({ days, status, isThere: left !== null, hasBody: (left?.payload ?? null) !== null }).toEqual({
        days,
        status,
        isThere,
        hasBody,
      });
    }
    expect(await retention()).toBe(0);
  });

  it('forgets in batches, however much there is', async () => {
    // No more at once than even a slow machine stores within the time that each may wait.
    for (let stored = 0; stored < 1_200; stored += 300)
      await Promise.all(Array.from({ length: 300 }, () => inbox.store(delivery())));
    await prisma.clerkWebhookEvent.updateMany({
      where: { registration },
      data: { status: 'applied', receivedAt: new Date(Date.now() - 100 * DAY_MS) },
    });
    expect(await inbox.prune({ payloadDays: 30, idDays: 90, rowsMax: 500 })).toBe(500);
    await new WebhookRetention({ inbox, payloadDays: 30, idDays: 90 }).prune();
    expect(await prisma.clerkWebhookEvent.count({ where: { registration } })).toBe(0);
  });

  it('forgets no deletion, however old: only that keeps away what is sent again', async () => {
    const { users, organizations, memberships } = prismaMirror(prisma);
    for (const [rows, prefix] of [
      [users, 'user'],
      [organizations, 'org'],
      [memberships, 'orgmem'],
    ] as const) {
      const clerkId = newId(prefix);
      await rows.delete(clerkId, { updatedAtMs: 1, timestampMs: 1, deliveryId: newId('msg') });
      await new WebhookRetention({ inbox, payloadDays: 30, idDays: 90 }).prune();
      expect(await rows.find(clerkId)).toEqual({ outcome: 'deleted', deletedAt: new Date(1) });
    }
  });

  it('is dead after the last attempt, and not before', async () => {
    const one = delivery();
    await inbox.store(one);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const step = await inbox.drainOne(() => Promise.reject(new Error('no')));
      expect(step).toMatchObject({ attempts: attempt, isDead: attempt === ATTEMPTS_MAX });
      await due();
    }
    expect(await inbox.drainOne(apply)).toEqual({ outcome: 'idle' });
  });
});

describe('the service', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService();
  }, 90_000);

  afterAll(() => service.stop());

  const post = (id: string, body: string | Uint8Array, secret = service.clerk.webhookSecret) =>
    service.call('/webhooks/clerk', {
      body,
      headers: signatureHeaders({ id, timestampSeconds: Math.floor(Date.now() / 1_000), body }, secret),
    });
  const settled = (id: string) =>
    until(
      () => service.prisma.clerkWebhookEvent.findUnique({ where: { id } }),
      (event) => event !== null && event.status !== 'pending',
    );
  const userCreated = (clerkId: string, instanceId: string) =>
    JSON.stringify({
      type: 'user.created',
      object: 'event',
      instance_id: instanceId,
      timestamp: Date.now(),
      data: { id: clerkId, object: 'user', updated_at: Date.now(), email_addresses: [], first_name: 'Anna' },
    });
  /** The value of a line of the metrics. */
  const metric = async (name: string) => {
    const { text } = await service.call('/metrics');
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return line === undefined ? null : Number(line.slice(name.length + 1));
  };

  // Of the dashboard: signed with the secret of the endpoint, with the data and the instance of the documentation.
  it.each([
    ['of another instance', newId('ins')],
    ['of the example in the dashboard', 'ins_123'],
  ])(
    'acknowledges an event %s, stores it without its body, and applies nothing of it',
    async (_what, ins) => {
      const [id, clerkId] = [newId('msg'), newId('user')];
      expect((await post(id, userCreated(clerkId, ins))).status).toBe(204);
      expect(await settled(id)).toMatchObject({ status: 'foreign', payload: null, instanceId: ins });
      expect(await service.prisma.user.count({ where: { clerkId } })).toBe(0);
    },
  );

  it('applies the events of its own instance, which it asked Clerk for once', async () => {
    const [id, clerkId] = [newId('msg'), newId('user')];
    await post(id, userCreated(clerkId, service.clerk.instanceId));
    expect((await settled(id))?.status).toBe('applied');
    expect(service.clerk.requestCounts.get('GET /v1/instance')).toBe(1);
  });

  it('refuses a body of 5 MB before it has it, and lives', async () => {
    const answer = await post(newId('msg'), Buffer.alloc(5_000_000, 'a'));
    expect([answer.status, answer.body.code]).toEqual([413, 'WEBHOOK_TOO_LARGE']);
    expect((await service.call('/health/ready')).status).toBe(200);
  });

  it('takes a body of exactly 1 MiB', async () => {
    const body = userCreated(newId('user'), service.clerk.instanceId);
    const padded = body.padEnd(1_048_576, ' ');
    const id = newId('msg');
    expect((await post(id, padded)).status).toBe(204);
    expect((await settled(id))?.status).toBe('applied');
  });

  it('tells what happens to webhooks as Prometheus text, and nothing of anybody', async () => {
    const names = [
      'clerk_webhooks_received_total',
      'clerk_webhooks_duplicates_total',
      'clerk_webhooks_rejected_total{reason="WEBHOOK_SIGNATURE_INVALID"}',
      'clerk_webhooks_settled_total{result="applied"}',
      'clerk_webhooks_settled_total{result="foreign"}',
      'clerk_webhooks_settled_total{result="stale"}',
      'clerk_webhook_apply_delay_seconds_count',
    ];
    const read = () => Promise.all(names.map(async (name) => (await metric(name)) ?? 0));
    const before = await read();
    const [id, clerkId] = [newId('msg'), newId('user')];
    const body = userCreated(clerkId, service.clerk.instanceId);
    await post(id, body);
    await post(id, body);
    await settled(id);
    await post(newId('msg'), body, createWebhookSecret());
    const other = newId('msg');
    await post(other, userCreated(newId('user'), 'ins_other'));
    await settled(other);
    const stale = newId('msg');
    await post(stale, body.replace(/"updated_at":\d+/, '"updated_at":1'));
    await settled(stale);
    const expected = [4, 1, 1, 1, 1, 1, 1];
    // A count follows the commit that a test can see before it.
    const after = await until(read, (now) =>
      now.every((value, index) => value >= (before[index] ?? 0) + (expected[index] ?? 0)),
    );
    expect(after.map((value, index) => value - (before[index] ?? 0))).toEqual(expected);
    expect(await metric('clerk_webhooks_pending')).toBe(0);
    expect(await metric('clerk_webhooks_dead')).toBe(0);
    expect(await metric('clerk_webhooks_oldest_pending_seconds')).toBe(0);
    expect(await metric('clerk_webhooks_last_received_seconds')).toBeLessThan(30);
    const answer = await service.call('/metrics');
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.text).not.toMatch(/user_|msg_|ins_|Anna|process_cpu/);
  });
});
