import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';

import { signatureHeaders } from 'clerk-sandbox';
import { Client } from 'pg';

import { NoticeListener } from '../apps/api/src/database/notice-listener.js';
import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { PrismaWebhookInbox } from '../libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import {
  WebhookApplier,
  type WebhookApplierParts,
} from '../libs/clerk/src/webhooks/webhook-applier.service.js';
import type { WebhookDelivery } from '../libs/clerk/src/webhooks/webhook-delivery.js';
import { WebhookWakeups } from '../libs/clerk/src/webhooks/webhook-wakeups.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { startTestService, type TestService, until } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

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
    const startedAt = Date.now();
    const answer = await service.call('/webhooks/clerk', { body, headers });
    return { id, status: answer.status, code: answer.body?.code, ms: Date.now() - startedAt };
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
      for (const { status, code, ms } of answers) {
        expect([
          [204, undefined],
          [503, 'DATABASE_UNAVAILABLE'],
        ]).toContainEqual([status, code]);
        expect(ms).toBeLessThan(ANSWER_MS_MAX);
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
      // Clerk sends those again that were not.
      for (const { id } of answers.filter(({ status }) => status !== 204))
        expect((await post(id)).status).toBe(204);
      const clerkIds = answers.map(({ id }) => `user_${id}`);
      await until(
        () => service.prisma.user.count({ where: { clerkId: { in: clerkIds } } }),
        (rows) => rows === answers.length,
      );
    },
    60_000,
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
      expect([unready.status, unready.body.checks.database]).toEqual([503, 'down']);
    }
    await readOnly(false);
    await until(
      () => service.call('/health/ready'),
      ({ status }) => status === 200,
    );
  }, 60_000);

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
      handlerMsMax: 4_000,
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
  }, 60_000);

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
    await until(applied, (count) => count === others.length);
    await applier.onModuleDestroy();
    expect(await row(poison.id)).toMatchObject({ status: 'pending', attempts: 1, lastError: 'TypeError' });
  }, 60_000);

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
  }, 60_000);

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
  }, 60_000);
});
