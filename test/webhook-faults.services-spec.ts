import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';

import { signatureHeaders } from 'clerk-sandbox';
import { Client } from 'pg';

import { NoticeListener } from '../apps/api/src/database/notice-listener.js';
import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { prismaMirror } from '../libs/clerk/src/mirror/prisma-mirror.js';
import { applyDelivery } from '../libs/clerk/src/webhooks/apply-delivery.js';
import { PrismaWebhookInbox } from '../libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import {
  WebhookApplier,
  type WebhookApplierParts,
} from '../libs/clerk/src/webhooks/webhook-applier.service.js';
import type { ClerkEvent } from '../libs/clerk/src/webhooks/clerk-event.js';
import { WIPE_PAYLOADS } from '../libs/clerk/src/webhooks/prisma-webhook-statements.js';
import { ATTEMPTS_MAX } from '../libs/clerk/src/webhooks/retry-delay.js';
import type { WebhookDelivery } from '../libs/clerk/src/webhooks/webhook-delivery.js';
import { WebhookWakeups } from '../libs/clerk/src/webhooks/webhook-wakeups.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { startTestService, type TestService, until } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { waited } from './support/waited.js';

const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;
const ANSWER_MS_MAX = 5_000;

function urlOf(database: TestDatabase): URL {
  return new URL(database.options.kind === 'postgres' ? database.options.url : '');
}

/** Past everything under test. */
async function onDatabase(database: TestDatabase, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: urlOf(database).href });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

function createGate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

const END_CONNECTIONS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;

describe('while the database does not take webhooks', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let service: TestService;

  beforeAll(async () => {
    database = await createTestDatabase();
    const url = urlOf(database);
    proxy = await TcpProxy.to(Number(url.port || 5432), url.hostname);
    url.port = String(proxy.port);
    service = await startTestService({ database: { kind: 'postgres', url: url.href } });
  }, 90_000);

  afterAll(async () => {
    await service.stop();
    await proxy.close();
    await database.drop();
  });

  async function post(id: string) {
    const data = { id: `user_${id}`, updated_at: 1_800_000_000_000, email_addresses: [] };
    const body = JSON.stringify({ type: 'user.created', data, timestamp: 1_800_000_000_000 });
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    const headers = signatureHeaders({ id, timestampSeconds, body }, service.clerk.webhookSecret);
    const { answer, waitedMs } = await waited(() => service.call('/webhooks/clerk', { body, headers }));
    return { id, status: answer.status, code: answer.body?.code, waitedMs };
  }

  const name = () => urlOf(database).pathname.slice(1);
  const readOnly = (isReadOnly: boolean) =>
    onDatabase(
      database,
      'SET default_transaction_read_only = off',
      `ALTER DATABASE ${name()} SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`,
      END_CONNECTIONS,
    );
  let giveBack: () => void = () => undefined;
  const given = new Promise<void>((resolve) => (giveBack = resolve));
  /** As many as the pool has, by transactions that do nothing. */
  async function takeConnections(): Promise<void> {
    const taken = Array.from({ length: 10 }, async () => {
      let hasBegun: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => (hasBegun = resolve));
      const work = service.prisma.$transaction(
        async (transaction) => {
          await transaction.$queryRawUnsafe('SELECT 1');
          hasBegun();
          await given;
        },
        { maxWait: 5_000, timeout: 60_000 },
      );
      await Promise.race([begun, work]);
    });
    await Promise.all(taken);
  }

  it.each<[string, () => Promise<void>, () => Promise<void>]>([
    ['refused', () => proxy.cut(), () => proxy.restore()],
    ['hung', async () => proxy.swallow(), () => proxy.restore()],
    ['that only reads', () => readOnly(true), () => readOnly(false)],
    ['whose connections are all taken', takeConnections, async () => giveBack()],
  ])(
    'those sent to a database %s get 204 or 503 within 5 s, and none is lost',
    async (_what, fail, recover) => {
      expect((await post(newId('msg'))).status).toBe(204);
      await fail();
      const answers = await Promise.all(Array.from({ length: 150 }, () => post(newId('msg'))));
      for (const { status, code, waitedMs } of answers) {
        expect([
          [204, undefined],
          [503, 'DATABASE_UNAVAILABLE'],
        ]).toContainEqual([status, code]);
        expect(waitedMs).toBeLessThan(ANSWER_MS_MAX);
      }
      expect(answers.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
      await recover();
      await until(
        () => post(newId('msg')),
        ({ status }) => status === 204,
      );
      const acknowledged = answers.filter(({ status }) => status === 204).map(({ id }) => id);
      expect(await service.prisma.clerkWebhookEvent.count({ where: { id: { in: acknowledged } } })).toBe(
        acknowledged.length,
      );
      // Clerk sends those again that were not, until they are.
      for (const refused of answers.filter(({ status }) => status !== 204))
        await until(
          () => post(refused.id),
          ({ status }) => status === 204,
        );
      const clerkIds = answers.map(({ id }) => `user_${id}`);
      await until(
        () => service.prisma.user.count({ where: { clerkId: { in: clerkIds } } }),
        (rows) => rows === answers.length,
      );
    },
  );

  it('the service is not ready for as long as the database only reads', async () => {
    expect((await service.call('/health/ready')).status).toBe(200);
    await readOnly(true);
    // On connections that were not there before: those that were ended fail for another reason.
    await until(
      async () => {
        const asked = service.prisma.$queryRawUnsafe<{ readOnly: string }[]>(
          `SELECT current_setting('transaction_read_only') AS "readOnly"`,
        );
        return (await asked.catch(() => []))[0]?.readOnly;
      },
      (readOnly) => readOnly === 'on',
    );
    for (let asked = 0; asked < 5; asked += 1) {
      const unready = await service.call('/health/ready');
      expect([unready.status, unready.body.checks]).toMatchObject([503, { webhooks: 'down' }]);
    }
    await readOnly(false);
    await until(
      () => service.call('/health/ready'),
      ({ status }) => status === 200,
    );
  });

  it('metrics are told all the same, without what only the database knows', async () => {
    await proxy.cut();
    const answer = await service.call('/metrics');
    await proxy.restore();
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/^clerk_webhooks_received_total [1-9]/m);
    expect(answer.text).toMatch(/^clerk_webhooks_rejected_total\{reason="DATABASE_UNAVAILABLE"\} [1-9]/m);
    expect(answer.text).not.toMatch(/^clerk_webhooks_pending /m);
  });
});

describe('an event that goes wrong', () => {
  let database: TestDatabase;
  let prisma: PrismaService;
  let inbox: PrismaWebhookInbox;
  const children = new Set<ChildProcess>();

  beforeEach(async () => {
    database = await createTestDatabase();
    prisma = await PrismaService.open(database.options);
    inbox = new PrismaWebhookInbox(prisma, 'default');
  }, 90_000);

  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await prisma.onApplicationShutdown();
    await database.drop();
  });

  it('is applied at once, although another process was just looking at its row', async () => {
    const one = created('Ada');
    await inbox.store(one);
    const [claim] = await inbox.claim('fresh', 1);
    if (claim === undefined) throw new Error('Nothing was claimed.');
    const other = new Client({ connectionString: urlOf(database).href });
    await other.connect();
    await other.query('BEGIN');
    await other.query('SELECT FROM clerk_webhook_events WHERE id = $1 FOR UPDATE', [one.id]);
    setTimeout(() => void other.query('ROLLBACK'), 30);
    expect(await inbox.handle(claim, () => Promise.resolve('applied'))).toMatchObject({ outcome: 'handled' });
    await other.end();
  });

  function created(firstName: string): WebhookDelivery {
    const clerkId = newId('user');
    const data = { id: clerkId, first_name: firstName, updated_at: 1_800_000_000_000, email_addresses: [] };
    return {
      id: newId('msg'),
      type: 'user.created',
      entityId: clerkId,
      userId: clerkId,
      timestampMs: 1_800_000_000_000,
      instanceId: null,
      payload: { type: 'user.created', data },
    };
  }

  function createApplier(parts: Partial<WebhookApplierParts>): WebhookApplier {
    return new WebhookApplier({
      inbox,
      onEvent: () => Promise.resolve(),
      onAccessEnded: () => Promise.resolve(),
      pollMs: 50,
      ...parts,
    });
  }

  const row = (id: string) => prisma.clerkWebhookEvent.findUniqueOrThrow({ where: { id } });
  const applied = () => prisma.clerkWebhookEvent.count({ where: { status: 'applied' } });
  /** None that has failed of this comes back by itself, however long the rest takes here. How many they are. */
  const putOff = async (lastError: string) => {
    const data = { nextAttemptAt: new Date('2100-01-01') };
    return (await prisma.clerkWebhookEvent.updateMany({ where: { lastError, starts: 0 }, data })).count;
  };
  /** Somebody waits for what another has locked. */
  const isLocked = () =>
    until(
      () =>
        prisma.$queryRawUnsafe<unknown[]>(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        ),
      ({ length }) => length === 1,
    );

  /** Stores one as a process does whose commit takes its time. */
  async function storeSlowly(one: WebhookDelivery) {
    const [isStored, mayCommit] = [createGate(), createGate()];
    const stored = prisma.$transaction(
      async (transaction) => {
        const slow = new PrismaWebhookInbox(
          {
            $queryRawUnsafe: (sql, ...parameters) => transaction.$queryRawUnsafe(sql, ...parameters),
            $executeRawUnsafe: (sql, ...parameters) => transaction.$executeRawUnsafe(sql, ...parameters),
            $transaction: (work) => work(transaction),
          },
          'default',
        );
        const outcome = await slow.store(one);
        isStored.open();
        await mayCommit.passed;
        return outcome;
      },
      { maxWait: 5_000, timeout: 20_000 },
    );
    await Promise.race([isStored.passed, stored]);
    return { stored, commit: mayCommit.open };
  }

  it('that was received first and commits last is applied all the same, after others are done', async () => {
    const [early, late] = [created('Ada'), created('Ines')];
    const { stored, commit } = await storeSlowly(early);
    await inbox.store(late);
    const drain = () => inbox.drainOne(() => Promise.resolve('applied'));
    const before = [await drain(), await drain()];
    commit();
    await stored;
    expect([...before, await drain()]).toMatchObject([
      { outcome: 'handled', delivery: { id: late.id } },
      { outcome: 'idle' },
      { outcome: 'handled', delivery: { id: early.id } },
    ]);
  });

  it('that two processes store at the same moment is one row, and new to one of them only', async () => {
    const one = created('Ada');
    const { stored, commit } = await storeSlowly(one);
    const again = inbox.store(one);
    const outcomes = Promise.allSettled([stored, again]);
    await isLocked();
    commit();
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 'stored' },
      { status: 'fulfilled', value: 'duplicate' },
    ]);
    expect(await prisma.clerkWebhookEvent.count()).toBe(1);
  });

  it('that another process is just claiming is left to that one: whoever claims as well gets the next, and waits for nobody', async () => {
    const [first, next] = [created('Ada'), created('Ines')];
    for (const one of [first, next]) await inbox.store(one);
    const other = new Client({ connectionString: urlOf(database).href });
    await other.connect();
    await other.query('BEGIN');
    await other.query('SELECT FROM clerk_webhook_events WHERE id = $1 FOR UPDATE', [first.id]);
    const claimed = await inbox.claim('fresh', 2);
    await other.end();
    expect(claimed.map(({ delivery: { id } }) => id)).toEqual([next.id]);
  });

  it('that two have claimed, since the first stood still for long, is left alone by the first while the second has it', async () => {
    await inbox.store(created('Ada'));
    const [first] = await inbox.claim('fresh', 1);
    await prisma.clerkWebhookEvent.updateMany({ data: { nextAttemptAt: new Date(0) } });
    const [second] = await inbox.claim('suspect', 1);
    if (first === undefined || second === undefined) throw new Error('Both have claimed it.');
    const [inHand, mayGoOn] = [createGate(), createGate()];
    const handled = inbox.handle(second, async () => {
      inHand.open();
      await mayGoOn.passed;
      return 'applied';
    });
    await inHand.passed;
    const left = await inbox.handle(first, () => Promise.reject(new Error('It is in hand elsewhere.')));
    mayGoOn.open();
    expect([left, await handled]).toMatchObject([{ outcome: 'taken' }, { outcome: 'handled' }]);
  });

  it('by ending the process is set aside after four processes, and takes no other event with it', async () => {
    const crash = created('Crash');
    const before = Array.from({ length: 30 }, () => created('Anna'));
    for (const one of [...before.slice(0, 5), crash, ...before.slice(5)]) await inbox.store(one);
    const program = join(import.meta.dirname, 'support', 'crashing-applier.js');
    let crashes = 0;
    for (;;) {
      const child = fork(program, [urlOf(database).href], {
        execArgv: [],
        stdio: ['ignore', 'ignore', 2, 'ipc'],
      });
      children.add(child);
      const exit = once(child, 'exit');
      const isDone = until(
        async () => (await row(crash.id)).status === 'dead' && (await applied()) === before.length,
        (done) => done,
      ).then(() => 'done' as const);
      isDone.catch(() => undefined);
      const end = await Promise.race([exit, isDone]);
      if (end === 'done') {
        child.kill();
        await exit;
        break;
      }
      expect(end[0]).toBe(7);
      crashes += 1;
      // As if the time had passed after which what nobody works on is due again.
      await prisma.clerkWebhookEvent.updateMany({
        where: { status: 'pending' },
        data: { nextAttemptAt: new Date(0) },
      });
    }
    expect(crashes).toBe(4);
    expect(await row(crash.id)).toMatchObject({ status: 'dead', lastError: 'PROCESS_ENDED' });
  }, 90_000);

  it('by hanging is given up, told so by its signal, and tried again; the others go on meanwhile', async () => {
    const hung = created('Hang');
    const others = Array.from({ length: 40 }, () => created('Anna'));
    for (const one of [hung, ...others]) await inbox.store(one);
    const signals: AbortSignal[] = [];
    const keys: unknown[] = [];
    const applier = createApplier({
      handlerMsMax: 7_000,
      onEvent: async (event, { signal, idempotencyKey, attempt }) => {
        if (event.type !== 'user.created' || event.user.firstName !== 'Hang') return;
        signals.push(signal);
        keys.push([idempotencyKey, attempt]);
        await new Promise(() => undefined);
      },
    });
    applier.onApplicationBootstrap();
    await until(applied, (count) => count === others.length);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await until(
      () => row(hung.id),
      ({ attempts }) => attempts === 1,
    );
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await row(hung.id)).toMatchObject({
      status: 'pending',
      lastError: 'HANDLER_TIMED_OUT',
      starts: 0,
    });
    expect(await prisma.user.count({ where: { clerkId: hung.entityId ?? '' } })).toBe(0);
    await prisma.clerkWebhookEvent.updateMany({
      where: { id: hung.id },
      data: { nextAttemptAt: new Date(0) },
    });
    await until(
      async () => keys.length,
      (count) => count === 2,
    );
    expect(keys).toEqual([
      [hung.id, 1],
      [hung.id, 2],
    ]);
    await applier.onModuleDestroy();
  });

  const isHung = (event: ClerkEvent) => event.type === 'user.created' && event.user.firstName === 'Hang';

  it('by hanging keeps up none of the others, though more hang than are worked on at once', async () => {
    const others = Array.from({ length: 20 }, () => created('Anna'));
    for (const one of [created('Hang'), created('Hang'), created('Hang'), created('Hang'), ...others])
      await inbox.store(one);
    const signals: AbortSignal[] = [];
    const applier = createApplier({
      concurrency: 3,
      onEvent: async (event, { signal }) => {
        if (!isHung(event)) return;
        signals.push(signal);
        await new Promise(() => undefined);
      },
    });
    applier.onApplicationBootstrap();
    await until(applied, (count) => count === others.length);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false, false]);
    await applier.onModuleDestroy();
  });

  it('by having hung once is tried one after the other, beside what has not, however many there are', async () => {
    const hung = Array.from({ length: 6 }, () => created('Hang'));
    for (const one of hung) await inbox.store(one);
    let [now, most, again] = [0, 0, 0];
    const applier = createApplier({
      concurrency: 2,
      handlerMsMax: 2_500,
      onEvent: async (event, { signal, attempt }) => {
        if (!isHung(event)) return;
        now += 1;
        if (attempt > 1) {
          again += 1;
          most = Math.max(most, now);
        }
        await once(signal, 'abort');
        now -= 1;
      },
    });
    applier.onApplicationBootstrap();
    const due = { data: { nextAttemptAt: new Date(0) } };
    await until(
      () => putOff('HANDLER_TIMED_OUT'),
      (count) => count === hung.length,
    );
    await until(
      async () => now,
      (count) => count === 0,
    );
    await prisma.clerkWebhookEvent.updateMany(due);
    await until(
      async () => again,
      (count) => count >= 1,
    );
    const others = Array.from({ length: 20 }, () => created('Anna'));
    for (const one of others) await inbox.store(one);
    await until(applied, (count) => count === others.length);
    expect(again).toBeLessThanOrEqual(3);
    await until(
      async () => again,
      (count) => count >= 3,
    );
    expect(most).toBe(1);
    await applier.onModuleDestroy();
  });

  it('by hanging gives others the time to do what its process has claimed, and none is suspected', async () => {
    const others = Array.from({ length: 6 }, () => created('Anna'));
    for (const one of [created('Hang'), created('Hang'), ...others]) await inbox.store(one);
    const signals: AbortSignal[] = [];
    const hanging = createApplier({
      concurrency: 1,
      onEvent: async (_event, { signal }) => {
        signals.push(signal);
        await new Promise(() => undefined);
      },
    });
    hanging.onApplicationBootstrap();
    await until(
      async () => signals.length,
      (count) => count === 2,
    );
    const attempts: number[] = [];
    const elsewhere = createApplier({
      onEvent: async (_event, { attempt }) => void attempts.push(attempt),
    });
    elsewhere.onApplicationBootstrap();
    await until(applied, (count) => count === others.length);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    expect(attempts).toEqual(others.map(() => 1));
    await Promise.all([hanging.onModuleDestroy(), elsewhere.onModuleDestroy()]);
  });

  it('as the database goes away in the middle is done once it is back, after five times of that too', async () => {
    const url = urlOf(database);
    const proxy = await TcpProxy.to(Number(url.port || 5432), url.hostname);
    url.port = String(proxy.port);
    const behind = await PrismaService.open({ kind: 'postgres', url: url.href });
    const others = Array.from({ length: 30 }, () => created('Anna'));
    for (const one of [created('Hit'), ...others]) await inbox.store(one);
    let outages = 0;
    const applier = createApplier({
      inbox: new PrismaWebhookInbox(behind, 'default'),
      onEvent: async (event) => {
        if (event.type !== 'user.created' || event.user.firstName !== 'Hit' || outages === 5) return;
        outages += 1;
        // In hand, claimed and waiting: all lose their connection, and none can write down that it did.
        await proxy.cut();
        setTimeout(() => void proxy.restore(), 200);
      },
    });
    applier.onApplicationBootstrap();
    const isDone = until(
      async () => {
        // As if the time had passed for which an outage is waited out.
        await prisma.clerkWebhookEvent.updateMany({
          where: { status: 'pending', starts: 0 },
          data: { nextAttemptAt: new Date(0) },
        });
        return applied();
      },
      (count) => count === 31,
    );
    await isDone.finally(async () => {
      await applier.onModuleDestroy();
      await behind.onApplicationShutdown();
      await proxy.close();
    });
    expect(outages).toBe(5);
    for (const { attempts, starts } of await prisma.clerkWebhookEvent.findMany())
      expect([attempts, starts]).toEqual([1, 0]);
  });

  it('because the server was restarted under it does not count as a failure, however often that is', async () => {
    const one = created('Anna');
    await inbox.store(one);
    for (let restart = 0; restart <= ATTEMPTS_MAX; restart += 1) {
      const step = await inbox.drainOne(async (_delivery, _mirror, transaction) => {
        await onDatabase(database, END_CONNECTIONS);
        await transaction?.$queryRawUnsafe('SELECT 1');
        return 'applied';
      });
      expect(step).toMatchObject({ outcome: 'postponed', deliveryId: one.id });
      await prisma.clerkWebhookEvent.updateMany({ data: { nextAttemptAt: new Date(0) } });
    }
    expect(await row(one.id)).toMatchObject({ status: 'pending', attempts: 0, starts: 0 });
  });

  it('and is about somebody whose deletion commits meanwhile is stale, and its body is not kept', async () => {
    const one = created('Anna');
    const clerkId = one.entityId ?? '';
    let commit: () => void = () => undefined;
    let haveDeleted: () => void = () => undefined;
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    const deleted = new Promise<void>((resolve) => (haveDeleted = resolve));
    const deletion = prisma.$transaction(async (transaction) => {
      const version = { updatedAtMs: 1, timestampMs: 1, deliveryId: 'msg_0' };
      await prismaMirror(transaction).users.delete(clerkId, version);
      haveDeleted();
      await mayCommit;
    });
    await deleted;
    await inbox.store(one);
    const handled = inbox.drainOne(
      async (delivery, mirror) => (await applyDelivery(delivery, mirror)).result,
    );
    await isLocked();
    commit();
    await deletion;
    expect(await handled).toMatchObject({ outcome: 'handled', result: 'stale' });
    expect(await row(one.id)).toMatchObject({ status: 'stale', attempts: 1, payload: null });
  });

  it.each<[string, Partial<WebhookDelivery>]>([
    ['waits for his row', {}],
    ['ends after that', { type: 'session.ended' }],
  ])(
    'and whose user is deleted while it is in hand and %s holds up nobody, and its body is not kept',
    async (_what, changes) => {
      const one = { ...created('Anna'), ...changes };
      const clerkId = one.entityId ?? '';
      const payload = { type: 'user.deleted', data: { id: clerkId, deleted: true } };
      const deletion = {
        ...created('Anna'),
        type: 'user.deleted',
        entityId: clerkId,
        userId: clerkId,
        payload,
      };
      await inbox.store(one);
      const [held] = await inbox.claim('fresh', 1);
      await inbox.store(deletion);
      const [deleting] = await inbox.claim('fresh', 1);
      if (held === undefined || deleting === undefined) throw new Error('Both are due.');
      const [inHand, mayGoOn] = [createGate(), createGate()];
      const handled = inbox.handle(held, async (delivery, mirror) => {
        inHand.open();
        await mayGoOn.passed;
        return (await applyDelivery(delivery, mirror)).result;
      });
      await inHand.passed;
      const deleted = await inbox.handle(deleting, async (delivery, mirror) => {
        const { result } = await applyDelivery(delivery, mirror);
        if (changes.type !== undefined) return result;
        mayGoOn.open();
        await isLocked();
        return result;
      });
      mayGoOn.open();
      expect(deleted).toMatchObject({ outcome: 'handled', result: 'applied' });
      expect(await handled).toMatchObject({ outcome: 'handled' });
      for (const { id } of [one, deletion])
        expect(await row(id)).toMatchObject({ attempts: 1, payload: null, lastError: null });
    },
  );

  it('and ends when the deletion of its user, of whom nothing was known, has wiped and not yet committed waits for that, and its body is not kept', async () => {
    const one = { ...created('Anna'), type: 'session.ended' };
    const clerkId = one.userId ?? '';
    await inbox.store(one);
    const [held] = await inbox.claim('fresh', 1);
    if (held === undefined) throw new Error('It is due.');
    const [inHand, mayGoOn] = [createGate(), createGate()];
    const handled = inbox.handle(held, async () => {
      inHand.open();
      await mayGoOn.passed;
      return 'applied';
    });
    await inHand.passed;
    await prisma.$transaction(
      async (transaction) => {
        const version = { updatedAtMs: 1, timestampMs: 1, deliveryId: newId('msg') };
        await prismaMirror(transaction).users.delete(clerkId, version);
        await transaction.$executeRawUnsafe(WIPE_PAYLOADS, clerkId);
        mayGoOn.open();
        await Promise.race([handled, isLocked()]);
      },
      { maxWait: 5_000, timeout: 20_000 },
    );
    expect(await handled).toMatchObject({ outcome: 'handled' });
    expect(await row(one.id)).toMatchObject({ status: 'applied', payload: null });
  });

  it('by always failing delays no other', async () => {
    const poison = created('Poison');
    const others = Array.from({ length: 40 }, () => created('Anna'));
    for (const one of [poison, ...others]) await inbox.store(one);
    const applier = createApplier({
      onEvent: (event) =>
        event.type === 'user.created' && event.user.firstName === 'Poison'
          ? Promise.reject(new TypeError('poison'))
          : Promise.resolve(),
    });
    applier.onApplicationBootstrap();
    await until(
      async () => {
        await putOff('TypeError');
        return applied();
      },
      (count) => count === others.length,
    );
    await applier.onModuleDestroy();
    const { status, lastError, attempts } = await row(poison.id);
    expect({ status, lastError }).toEqual({ status: 'pending', lastError: 'TypeError' });
    // Once, and again only where it was due before it was put off.
    expect(attempts).toBeLessThanOrEqual(2);
  });

  it('is worked on beside others, several at once', async () => {
    for (const one of Array.from({ length: 8 }, () => created('Anna'))) await inbox.store(one);
    let [now, most] = [0, 0];
    let open: () => void = () => undefined;
    const full = new Promise<void>((resolve) => (open = resolve));
    const applier = createApplier({
      concurrency: 3,
      onEvent: async () => {
        now += 1;
        most = Math.max(most, now);
        if (now === 3) open();
        await full;
        now -= 1;
      },
    });
    applier.onApplicationBootstrap();
    await until(applied, (count) => count === 8);
    await applier.onModuleDestroy();
    expect(most).toBe(3);
  });

  it('that is in hand when the service stops is finished first, and what was only claimed is due for others at once', async () => {
    for (const one of Array.from({ length: 12 }, () => created('Anna'))) await inbox.store(one);
    let [inHand, finished] = [0, 0];
    let open: () => void = () => undefined;
    let haveBegun: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const begun = new Promise<void>((resolve) => (haveBegun = resolve));
    const applier = createApplier({
      concurrency: 2,
      onEvent: async (_event, { transaction }) => {
        inHand += 1;
        if (inHand === 2) haveBegun();
        await gate;
        await transaction?.$queryRawUnsafe('SELECT 1 FROM pg_sleep(0.3)');
        finished += 1;
      },
    });
    applier.onApplicationBootstrap();
    await begun;
    const stopped = applier.onModuleDestroy();
    open();
    await stopped;
    expect(finished).toBe(2);
    const rows = await prisma.clerkWebhookEvent.findMany();
    expect(rows.filter(({ status }) => status === 'applied')).toHaveLength(2);
    const left = rows.filter(({ status }) => status === 'pending');
    expect(left).toHaveLength(10);
    for (const { starts, attempts, nextAttemptAt } of left) {
      expect([starts, attempts]).toEqual([0, 0]);
      expect(nextAttemptAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
    }
  });

  it('that another process has stored is applied at once, also after the connection that tells so broke', async () => {
    const elsewhere = await PrismaService.open(database.options);
    // So rarely that only a notice can bring anything.
    const applier = createApplier({ pollMs: 3_600_000, inbox: new PrismaWebhookInbox(elsewhere, 'default') });
    let notices = 0;
    const wakeups = (onNotice: () => void) =>
      new WebhookWakeups({
        database: prisma,
        registration: 'default',
        onNotice,
        listen: async (channel, onChannel) => {
          const listener = await NoticeListener.start({
            url: urlOf(database).href,
            channel,
            onNotice: onChannel,
          });
          return () => listener.stop();
        },
      });
    const [near, far] = [
      wakeups(() => undefined),
      wakeups(() => {
        notices += 1;
        applier.wake();
      }),
    ];
    applier.onApplicationBootstrap();
    near.onApplicationBootstrap();
    far.onApplicationBootstrap();
    // It listens: a new connection counts as a notice.
    await until(
      async () => notices,
      (count) => count === 1,
    );
    await applier.idle();
    await inbox.store(created('Anna'));
    near.notify();
    await until(applied, (count) => count === 1);
    expect(notices).toBe(2);
    await onDatabase(database, END_CONNECTIONS);
    await until(
      async () => notices,
      (count) => count === 3,
    );
    await inbox.store(created('Anna'));
    near.notify();
    await until(applied, (count) => count === 2);
    await applier.onModuleDestroy();
    await near.onModuleDestroy();
    await far.onModuleDestroy();
    await elsewhere.onApplicationShutdown();
  });
});
