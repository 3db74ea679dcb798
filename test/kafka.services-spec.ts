import { type ChildProcess, fork } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';

import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { signatureHeaders } from 'clerk-sandbox';
import { type KafkaMessage, Kafka, logLevel } from 'kafkajs';
import { ClerkError, ClerkModule } from 'nest-clerk';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { type KafkaConnection, loadKafka } from '../libs/clerk/src/webhooks/kafka-connection.js';
import { toKafkaMessage } from '../libs/clerk/src/webhooks/kafka-message.js';
import { KafkaPublisher } from '../libs/clerk/src/webhooks/kafka-publisher.js';
import {
  KafkaWebhookConsumer,
  type KafkaWebhookConsumerParts,
} from '../libs/clerk/src/webhooks/kafka-webhook-consumer.js';
import { PrismaWebhookInbox } from '../libs/clerk/src/webhooks/prisma-webhook-inbox.js';
import type { WebhookDelivery } from '../libs/clerk/src/webhooks/webhook-delivery.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { closeAll } from './support/guarded-app.js';
import { hasKafkaBroker, KafkaBroker } from './support/kafka-broker.js';
import { call, startTestService, type TestService, until } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { waited } from './support/waited.js';

const withBroker = hasKafkaBroker ? describe : describe.skip;
const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;
const newTopic = () => `clerk.${randomUUID()}`;
const ANSWER_MS_MAX = 5_000;
const AT_MS = 1_800_000_000_000;

function urlOf(database: TestDatabase): URL {
  return new URL(database.options.kind === 'postgres' ? database.options.url : '');
}

function created(clerkId = newId('user'), atMs = AT_MS): WebhookDelivery {
  return {
    id: newId('msg'),
    type: 'user.updated',
    entityId: clerkId,
    userId: clerkId,
    timestampMs: atMs,
    instanceId: null,
    payload: {
      type: 'user.updated',
      data: { id: clerkId, first_name: 'Anna', updated_at: atMs, email_addresses: [] },
    },
  };
}

/** Everything in a topic so far and from now on, read by nobody's consumer. */
async function readTopic(brokers: readonly string[], topic: string) {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: newId('group'), maxWaitTimeInMs: 200 });
  const messages: KafkaMessage[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void messages.push(message) });
  return { messages, stop: () => consumer.disconnect() };
}

async function post(url: string, secret: string, { id = newId('msg'), event = {} as object } = {}) {
  const data = { id: `user_${id}`, updated_at: AT_MS, email_addresses: [] };
  const body = JSON.stringify({ type: 'user.created', data, timestamp: AT_MS, ...event });
  const timestampSeconds = Math.floor(Date.now() / 1_000);
  const headers = signatureHeaders({ id, timestampSeconds, body }, secret);
  const { answer, waitedMs } = await waited(() => call(`${url}/webhooks/clerk`, { body, headers }));
  return { id, status: answer.status, code: answer.body?.code, waitedMs };
}

const several = <T>(count: number, make: () => Promise<T>) =>
  Promise.all(Array.from({ length: count }, () => make()));

withBroker('a service behind Kafka', () => {
  const topic = newTopic();
  const closing: (() => unknown)[] = [];
  let broker: KafkaBroker;
  let bootstrap: TcpProxy;
  let toDatabase: TcpProxy;
  let service: TestService;
  let brokers: readonly string[];

  beforeAll(async () => {
    broker = await KafkaBroker.start();
    closing.push(() => broker.kill());
    bootstrap = await TcpProxy.to(broker.ports[0] ?? 0);
    closing.push(() => bootstrap.close());
    brokers = [`127.0.0.1:${bootstrap.port}`];
    const database = await createTestDatabase();
    closing.push(() => database.drop());
    const url = urlOf(database);
    toDatabase = await TcpProxy.to(Number(url.port || 5432), url.hostname);
    closing.push(() => toDatabase.close());
    url.port = String(toDatabase.port);
    service = await startTestService({
      database: { kind: 'postgres', url: url.href },
      kafka: { brokers, topic },
    });
    closing.push(() => service.stop());
  }, 90_000);

  afterAll(() => closeAll(closing));

  const send = (request?: { id?: string; event?: object }) =>
    post(service.url, service.clerk.webhookSecret, request);
  const row = (id: string) => service.prisma.clerkWebhookEvent.findUnique({ where: { id } });
  const isApplied = (id: string) =>
    until(
      () => row(id),
      (found) => found?.status === 'applied',
    );
  const usersOf = (ids: readonly string[]) =>
    service.prisma.user.count({ where: { clerkId: { in: ids.map((id) => `user_${id}`) } } });

  it('applies what Clerk sends, and leaves it in the topic under the id of what it is about', async () => {
    const user = service.clerk.users.create({ email_address: ['kafka@example.com'], first_name: 'Kafka' });
    await until(
      () => service.prisma.user.findUnique({ where: { clerkId: user.id } }),
      (found) => found?.firstName === 'Kafka',
    );
    const reader = await readTopic(brokers, topic);
    const [message] = await until(
      async () => reader.messages.filter(({ key }) => key?.toString() === user.id),
      (found) => found.length > 0,
    );
    await reader.stop();
    const delivery: WebhookDelivery = JSON.parse(message?.value?.toString() ?? '');
    const stored = await row(delivery.id);
    expect(stored).toMatchObject({ type: 'user.created', entityId: user.id, userId: user.id });
    expect(delivery).toEqual({
      id: stored?.id,
      type: 'user.created',
      entityId: user.id,
      userId: user.id,
      timestampMs: Number(stored?.timestampMs),
      instanceId: stored?.instanceId,
      payload: expect.objectContaining({ data: expect.objectContaining({ id: user.id }) }),
    });
    expect(String(message?.headers?.['clerk-registration'])).toBe('default');
    expect(String(message?.headers?.['clerk-event-type'])).toBe('user.created');
  });

  it('puts no body of an e-mail or a text message into the topic', async () => {
    const code = '424242';
    const event = { type: 'email.created', data: { id: newId('ema'), body_plain: `Your code is ${code}` } };
    const { id, status } = await send({ event });
    expect(status).toBe(204);
    const reader = await readTopic(brokers, topic);
    const [message] = await until(
      async () => reader.messages.filter(({ value }) => value?.includes(id)),
      (found) => found.length > 0,
    );
    await reader.stop();
    expect(JSON.parse(message?.value?.toString() ?? '')).toMatchObject({
      type: 'email.created',
      payload: null,
    });
    expect(message?.value?.toString()).not.toContain(code);
  });

  it('takes a repeated webhook once', async () => {
    const { id, status } = await send();
    expect(status).toBe(204);
    const first = await isApplied(id);
    expect((await send({ id })).status).toBe(204);
    // In the partition behind the repeated one.
    const after = newId('msg');
    await send({
      id: after,
      event: { type: 'user.updated', data: { id: `user_${id}`, updated_at: AT_MS + 1 } },
    });
    await isApplied(after);
    expect(await row(id)).toEqual(first);
  });

  it('receives while the database is away, and applies all of it afterwards', async () => {
    await toDatabase.cut();
    const answers = await several(150, () => send());
    for (const { status, waitedMs } of answers) {
      expect(status).toBe(204);
      expect(waitedMs).toBeLessThan(ANSWER_MS_MAX);
    }
    const ready = await service.call('/health/ready');
    expect([ready.status, ready.body]).toEqual([
      200,
      expect.objectContaining({
        status: 'degraded',
        checks: expect.objectContaining({ database: 'down', webhooks: 'up' }),
      }),
    ]);
    await toDatabase.restore();
    const stored = { id: { in: answers.map(({ id }) => id) } };
    await until(
      () => service.prisma.clerkWebhookEvent.count({ where: stored }).catch(() => 0),
      (rows) => rows === answers.length,
    );
    await until(
      // A question over a connection that was dropped fails once.
      () => usersOf(answers.map(({ id }) => id)).catch(() => 0),
      (rows) => rows === answers.length,
    );
  });

  it('moves what is no webhook aside, and applies what is behind it', async () => {
    const clerkId = newId('user');
    const good = created(clerkId);
    const deepId = newId('msg');
    const deep = `{"id":"${deepId}","type":"galaxy.born","entityId":"${clerkId}","userId":null,"timestampMs":1,"instanceId":null,"payload":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`;
    const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    const poison = ['{"id":', JSON.stringify({ ...good, id: 7 }), null];
    await producer.send({
      topic,
      messages: [
        ...[...poison, deep].map((value) => ({ key: clerkId, value })),
        { ...toKafkaMessage({ ...created(clerkId), id: 'msg_of_other' }, 'other'), key: clerkId },
        toKafkaMessage(good, 'default'),
      ],
    });
    await producer.disconnect();
    await isApplied(good.id);
    const reader = await readTopic(brokers, `${topic}.dead`);
    await until(
      async () => reader.messages.length,
      (count) => count >= poison.length,
    );
    await reader.stop();
    const found = reader.messages.map(({ key, value, headers }) => ({
      key: key?.toString(),
      value: value?.toString() ?? null,
      reason: String(headers?.['dead-reason']),
      topic: String(headers?.['dead-topic']),
    }));
    const reasons = ['NOT_JSON', 'NOT_A_DELIVERY', 'NOT_JSON'];
    expect(found).toHaveLength(poison.length);
    expect(found).toEqual(
      expect.arrayContaining(
        poison.map((value, index) => ({ key: clerkId, value, reason: reasons[index], topic })),
      ),
    );
    expect((await service.call('/metrics')).text).toMatch(
      new RegExp(`^clerk_webhooks_unreadable_total ${poison.length}$`, 'm'),
    );
    expect(await row('msg_of_other')).toBeNull();
    // However deep, it is one: it is stored as far down as a database takes it.
    expect(await row(deepId)).toMatchObject({ type: 'galaxy.born' });
  });

  it.each<[string, () => Promise<void>, () => Promise<void>]>([
    ['hangs', async () => broker.freeze(), async () => broker.thaw()],
    [
      'is gone with everything in it',
      () => broker.kill(),
      async () => {
        broker = await KafkaBroker.start();
        bootstrap.leadTo(broker.ports[0] ?? 0);
      },
    ],
  ])(
    'a broker that %s is 503 within 5 s; when there is one again, all that was not taken is taken',
    async (_what, fail, recover) => {
      const before = await several(20, () => send());
      expect(before.map(({ status }) => status)).toEqual(before.map(() => 204));
      await until(
        () => usersOf(before.map(({ id }) => id)),
        (rows) => rows === before.length,
      );
      await fail();
      const refused = await several(60, () => send());
      for (const { status, code, waitedMs } of refused) {
        expect([status, code]).toEqual([503, 'BROKER_UNAVAILABLE']);
        expect(waitedMs).toBeLessThan(ANSWER_MS_MAX);
      }
      const { status, body } = await service.call('/health/ready');
      expect([status, body.checks]).toMatchObject([503, { database: 'up', webhooks: 'down' }]);
      await recover();
      await until(send, ({ status }) => status === 204);
      // Clerk sends them again.
      for (const { id } of refused) expect((await send({ id })).status).toBe(204);
      await until(
        () => usersOf(refused.map(({ id }) => id)),
        (rows) => rows === refused.length,
      );
    },
    90_000,
  );
});

withBroker('a process without a database', () => {
  it('receives and leaves all of it for those who have one', async () => {
    const closing: (() => unknown)[] = [];
    try {
      const broker = await KafkaBroker.start();
      closing.push(() => broker.kill());
      const topic = newTopic();
      const webhookSecrets = `whsec_${Buffer.from('a'.repeat(24)).toString('base64')}`;
      @Module({
        imports: [
          ClerkModule.register({
            secretKey: 'sk_test_none',
            webhookSecrets,
            webhookKafka: { brokers: broker.addresses, topic },
          }),
        ],
      })
      class ReceivingModule {}
      const app = await NestFactory.create(ReceivingModule, new FastifyAdapter(), { logger: false });
      closing.push(() => app.close());
      await app.listen(0, '127.0.0.1');
      const url = await app.getUrl();
      const answers = await several(10, () => post(url, webhookSecrets));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 204));
      const taken = new Set<string>();
      const connection = await loadKafka({ brokers: broker.addresses, topic, connection: {} });
      const consumer = new KafkaWebhookConsumer({
        connection,
        publisher: new KafkaPublisher(connection),
        topic,
        registration: 'default',
        inbox: {
          store: async ({ id }) => {
            taken.add(id);
            return 'stored';
          },
        },
        onStored: () => undefined,
      });
      consumer.onApplicationBootstrap();
      closing.push(() => consumer.onModuleDestroy());
      await until(
        async () => taken.size,
        (count) => count === answers.length,
      );
      expect([...taken].toSorted()).toEqual(answers.map(({ id }) => id).toSorted());
    } finally {
      await closeAll(closing);
    }
  });
});

withBroker('consumers of one topic', () => {
  const closing: (() => unknown)[] = [];
  const children = new Set<ChildProcess>();
  let broker: KafkaBroker;
  let database: TestDatabase;
  let prisma: PrismaService;
  let inbox: PrismaWebhookInbox;
  let topic: string;
  let connection: KafkaConnection;
  let publisher: KafkaPublisher;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    broker = await KafkaBroker.start();
    closing.push(() => broker.kill());
    database = await createTestDatabase();
    closing.push(() => database.drop());
    prisma = await PrismaService.open(database.options);
    closing.push(() => prisma.onApplicationShutdown());
    inbox = new PrismaWebhookInbox(prisma, 'default');
    topic = newTopic();
    connection = await loadKafka({ brokers: broker.addresses, topic, connection: {} });
    publisher = new KafkaPublisher(connection);
    closing.push(() => publisher.onApplicationShutdown());
  }, 90_000);

  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await closeAll(closing.splice(0));
  });

  function startConsumer(store: KafkaWebhookConsumerParts['inbox']['store']): KafkaWebhookConsumer {
    const consumer = new KafkaWebhookConsumer({
      connection,
      publisher,
      topic,
      registration: 'default',
      inbox: { store },
      onStored: () => undefined,
      sessionMs: 6_000,
    });
    consumer.onApplicationBootstrap();
    closing.push(() => consumer.onModuleDestroy());
    return consumer;
  }

  /** What is logged from now on. */
  function listenToLog(): string[] {
    const lines: string[] = [];
    const say = (...words: unknown[]) => void lines.push(String(words[0]));
    Logger.overrideLogger({ log: say, error: say, warn: say });
    closing.push(() => Logger.overrideLogger(false));
    return lines;
  }

  const publish = (deliveries: readonly WebhookDelivery[]) =>
    publisher.publish(
      topic,
      deliveries.map((delivery) => toKafkaMessage(delivery, 'default')),
    );
  const storedCount = () => prisma.clerkWebhookEvent.count();

  it('wait for a broker that is not there when they start', async () => {
    const proxy = await TcpProxy.to(broker.ports[0] ?? 0);
    closing.push(() => proxy.close());
    await proxy.cut();
    connection = await loadKafka({ brokers: [`127.0.0.1:${proxy.port}`], topic, connection: {} });
    const lines = listenToLog();
    const delivery = created();
    await publish([delivery]);
    startConsumer((one) => inbox.store(one));
    await until(
      async () => lines,
      (said) => said.some((line) => line.startsWith('Webhooks wait: Kafka cannot be read')),
    );
    await proxy.restore();
    await until(storedCount, (count) => count === 1);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('Webhooks are taken from Kafka again.');
  });

  it("wait for an inbox that does not take anything, skip nothing, and log nobody's data", async () => {
    const lines = listenToLog();
    const clerkId = newId('user');
    const deliveries = [created(clerkId), created(clerkId, AT_MS + 1), created(clerkId, AT_MS + 2)];
    let failures = 0;
    startConsumer(async (delivery) => {
      if (delivery.id === deliveries[0]?.id && failures < 4) {
        failures += 1;
        throw new ClerkError('DATABASE_UNAVAILABLE', `Anna ${clerkId}`, { cause: new Error(clerkId) });
      }
      return inbox.store(delivery);
    });
    await publisher.publish(topic, [{ key: clerkId, value: `Anna ${clerkId}` }]);
    await publish(deliveries);
    await until(storedCount, (count) => count === deliveries.length);
    expect(failures).toBe(4);
    expect(lines.map((line) => line.replace(/\/\d+\/\d+ /, '/… '))).toEqual([
      `The message at ${topic}/… is no webhook (NOT_JSON) and was moved to ${topic}.dead.`,
      'Webhooks wait: what is in Kafka cannot be stored (DATABASE_UNAVAILABLE). Trying again until it can.',
      'Webhooks are taken from Kafka again.',
    ]);
  });

  it('move aside what the database refuses, however much comes at once, and store what is behind it', async () => {
    const clerkId = newId('user');
    // Past what an index holds, and not to be compressed.
    const tooLong = String.fromCharCode(...Array.from({ length: 1_000 }, () => randomInt(0x4e00, 0x9fff)));
    const deliveries = Array.from({ length: 20 }, (_one, at) => created(clerkId, AT_MS + at));
    const refused = new Set(deliveries.slice(3, 8).map(({ id }) => id));
    await publish(deliveries);
    startConsumer((one) => inbox.store(refused.has(one.id) ? { ...one, userId: tooLong } : one));
    await until(storedCount, (count) => count === deliveries.length - refused.size);
    const reader = await readTopic(broker.addresses, `${topic}.dead`);
    await until(
      async () => reader.messages.length,
      (count) => count >= refused.size,
    );
    await reader.stop();
    const dead = reader.messages.map(({ value, headers }) => [
      JSON.parse(String(value)).id,
      String(headers?.['dead-reason']),
    ]);
    expect(dead).toEqual([...refused].map((id) => [id, 'NOT_STORABLE']));
  });

  it('share it as they come and go: none is lost, and those of one entity stay in order', async () => {
    const clerkIds = Array.from({ length: 20 }, () => newId('user'));
    const published: WebhookDelivery[] = [];
    const taken: { by: string; delivery: WebhookDelivery }[] = [];
    const storing = (by: string) => async (delivery: WebhookDelivery) => {
      const outcome = await inbox.store(delivery);
      taken.push({ by, delivery });
      return outcome;
    };
    const takenBy = (name: string) => taken.filter(({ by }) => by === name).length;
    const publishRound = async () => {
      const round = clerkIds.map((clerkId) => created(clerkId, AT_MS + published.length));
      published.push(...round);
      await publish(round);
    };
    /** Publishes on until it has come about. */
    const publishUntil = (isThere: () => boolean) => until(publishRound, isThere);

    startConsumer(storing('first'));
    await publishUntil(() => takenBy('first') > 0);
    const second = startConsumer(storing('second'));
    await publishUntil(() => takenBy('second') > 100);
    await second.onModuleDestroy();
    const [first, gone] = [takenBy('first'), takenBy('second')];
    await publishUntil(() => takenBy('first') > first + 100);
    await until(storedCount, (count) => count === published.length);
    expect(takenBy('second')).toBe(gone);
    const seen = new Set<string>();
    const once = taken.flatMap(({ delivery }) =>
      seen.has(delivery.id) ? [] : (seen.add(delivery.id), [delivery]),
    );
    for (const clerkId of clerkIds) {
      const times = once.filter(({ entityId }) => entityId === clerkId).map(({ timestampMs }) => timestampMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  }, 120_000);

  it('that end by kill -9 are taken over from: what they had not committed comes again, to no effect', async () => {
    await prisma.$executeRawUnsafe('CREATE TABLE effects (id text NOT NULL, type text NOT NULL)');
    const deliveries = Array.from({ length: 400 }, (_, index) => created(newId('user'), AT_MS + index));
    for (let start = 0; start < deliveries.length; start += 50)
      await publish(deliveries.slice(start, start + 50));
    const program = join(import.meta.dirname, 'support', 'kafka-consumer.js');
    const outcomes: string[] = [];
    const startChild = (endAfter: number | null) => {
      const settings = { databaseUrl: urlOf(database).href, brokers: broker.addresses, topic, endAfter };
      const child = fork(program, [JSON.stringify(settings)], {
        execArgv: [],
        stdio: ['ignore', 'ignore', 2, 'ipc'],
      });
      children.add(child);
      child.on('message', ({ outcome }: { outcome: string }) => outcomes.push(outcome));
      return once(child, 'exit');
    };
    for (const endAfter of [10, 60]) {
      const [, signal] = await startChild(endAfter);
      expect(signal).toBe('SIGKILL');
    }
    expect(await storedCount()).toBeLessThan(deliveries.length);
    const exit = startChild(null);
    await until(
      () => prisma.clerkWebhookEvent.count({ where: { status: 'applied' } }),
      (count) => count === deliveries.length,
    );
    for (const child of children) if (child.connected) child.disconnect();
    await exit;
    expect(outcomes.filter((outcome) => outcome === 'duplicate').length).toBeGreaterThan(0);
    const effects = await prisma.$queryRawUnsafe<{ id: string }[]>('SELECT id FROM effects');
    expect(effects.map(({ id }) => id).toSorted()).toEqual(deliveries.map(({ id }) => id).toSorted());
    expect(await prisma.user.count()).toBe(deliveries.length);
  }, 120_000);

  it('that are told to stop while the inbox takes nothing leave it to the next', async () => {
    let failures = 0;
    const first = startConsumer(async () => {
      failures += 1;
      throw new ClerkError('DATABASE_UNAVAILABLE', 'away');
    });
    await publish([created()]);
    await until(
      async () => failures,
      (count) => count > 0,
    );
    await first.onModuleDestroy();
    startConsumer((delivery) => inbox.store(delivery));
    await until(storedCount, (count) => count === 1);
  });

  it('that are told to stop finish what they have in hand, and commit it', async () => {
    const clerkId = newId('user');
    const [before, after] = [created(clerkId), created(clerkId, AT_MS + 1)];
    const inHand: string[] = [];
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const first = startConsumer(async ({ id }) => {
      inHand.push(id);
      await finished;
      return 'stored';
    });
    await publish([before]);
    await until(
      async () => inHand,
      (ids) => ids.length === 1,
    );
    let hasStopped = false;
    const stopping = first.onModuleDestroy().then(() => (hasStopped = true));
    await publish([after]);
    expect(hasStopped).toBe(false);
    finish();
    await stopping;
    expect(inHand).toEqual([before.id]);
    const next: string[] = [];
    startConsumer(async ({ id }) => {
      next.push(id);
      return 'stored';
    });
    await until(
      async () => next,
      (ids) => ids.includes(after.id),
    );
    expect(next).toEqual([after.id]);
  });
});
