import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClerkSandbox, createWebhookSecret, signatureHeaders } from 'clerk-sandbox';
import fc from 'fast-check';
import { MongoClient } from 'mongodb';
import {
  type ClerkEventContext,
  type ClerkEventOf,
  ClerkModule,
  ClerkService,
  MongoUserStore,
  OnClerkEvent,
  type UserLookup,
} from 'nest-clerk';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { prismaMirror } from '../libs/clerk/src/mirror/prisma-mirror.js';
import { describeMongoUserStore } from '../libs/clerk/src/mongodb/mongo-user-store.contract.js';
import { applyDelivery } from '../libs/clerk/src/webhooks/apply-delivery.js';
import { isOutage } from '../libs/clerk/src/webhooks/outage.js';
import type { WebhookDelivery } from '../libs/clerk/src/webhooks/webhook-delivery.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { MingoCollection } from './support/mingo-collection.js';
import { MingoServer } from './support/mingo-server.js';
import { until } from './support/service.js';
import { plantUsers } from './support/sync.js';

const BASE_MS = 1_800_000_000_000;
const ANSWER_MS_MAX = 5_000;

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

describe('users in MongoDB, by the pipelines as mingo evaluates them', () => {
  describeMongoUserStore(() => new MingoCollection(), { runs: 100 });
});

describe('users in MongoDB, by the driver', () => {
  let server: MingoServer;
  let client: MongoClient;
  const collection = () => client.db('test').collection('users');

  beforeAll(async () => {
    server = await MingoServer.start();
    client = new MongoClient(server.url, { serverApi: '1', readPreference: 'secondaryPreferred' });
  });

  afterAll(async () => {
    await client.close();
    server.stop();
  });

  describeMongoUserStore(collection, { runs: 30 });

  const OPERATION = { collation: { locale: 'simple' }, maxTimeMS: 4_000 };
  const at = { updatedAtMs: BASE_MS, timestampMs: BASE_MS, deliveryId: 'msg_1' };

  it.each([
    ['most servers, unless somebody says otherwise', {}, { w: 'majority' }],
    ['as many as the host says', { writeConcern: { w: 2, journal: true } }, { w: 2, j: true }],
  ])('changes one document in one command, on %s', async (_name, options, writeConcern) => {
    const id = newId();
    await new MongoUserStore(collection(), options).delete(id, at);
    expect(server.commands.at(-1)).toMatchObject({
      findAndModify: 'users',
      query: { _id: id },
      update: [{ $replaceWith: expect.anything() }],
      upsert: true,
      new: false,
      ...OPERATION,
    });
    expect(server.commands.at(-1)?.['writeConcern']).toEqual({ ...writeConcern, wtimeout: 4_000 });
  });

  it('reads from the primary, which has what was written', async () => {
    const store = new MongoUserStore(collection());
    for (const read of [() => store.find(newId()), () => store.listInDoubt(1)]) {
      await read();
      expect(server.commands.at(-1)).toMatchObject({ find: 'users', ...OPERATION });
      // Which is how the driver says it.
      expect(server.commands.at(-1)).not.toHaveProperty('$readPreference');
    }
  });
});

describe('guide MongoDB: users', () => {
  it('are in the collection as they are in the database, in any order and after any rollback', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const [id, store] = [newId(), new MongoUserStore(new MingoCollection())];
        // What was rolled back is tried again, after what came later.
        const again = history.flatMap((told) =>
          told.isRolledBack ? [{ ...told, isRolledBack: false }] : [],
        );
        for (const { isRolledBack, ...told } of [...history, ...again]) {
          const name = JSON.stringify([told.at, told.sent, told.msg]);
          await tell(deliveryOf({ ...told, id, name }), store, isRolledBack);
        }
        const row = await prismaMirror(prisma).users.find(id);
        expect(withoutOwnId(await store.find(id))).toEqual(withoutOwnId(row));
      }),
      { numRuns: 60 },
    );
  });

  it('of two states with one time are those that the database took, whatever the deliveries are called', async () => {
    const [id, store] = [newId(), new MongoUserStore(new MingoCollection())];
    for (const [sent, msg, name] of [
      [1, 'msg_z', 'First'],
      [2, 'msg_a', 'Second'],
    ] as const)
      await tell(deliveryOf({ id, type: 'user.updated', at: 1, sent, msg, name }), store);
    expect(await store.find(id)).toMatchObject({ outcome: 'found', user: { firstName: 'Second' } });
    expect(await store.listInDoubt(1)).toEqual([id]);
  });

  it('follow webhooks of the running module, to the deletion', async () => {
    const clerk = await ClerkSandbox.start({ seed: false });
    const store = new MongoUserStore(new MingoCollection());
    const { app, service, receive } = await startHost(clerk, store);
    const [ada = ''] = plantUsers(clerk, 1);
    const isFollowed = async (outcome: UserLookup['outcome']) => {
      const kept = await until(
        () => store.find(ada),
        (lookup) => lookup.outcome === outcome,
      );
      const row = await until(
        () => service.findMirroredUser(ada),
        (lookup) => lookup.outcome === outcome,
      );
      expect(withoutOwnId(kept)).toEqual(withoutOwnId(row));
    };
    await receive('user.created', { ...clerk.users.get(ada) });
    await isFollowed('found');
    await receive('user.deleted', { id: ada, deleted: true });
    await isFollowed('deleted');
    await app.close();
    await clerk.stop();
  });

  it('are refused without the transaction that has their version', async () => {
    const store = new MongoUserStore(new MingoCollection());
    const event = { type: 'user.deleted', clerkId: newId(), userId: null } as const;
    await expect(store.apply(event, { transaction: null })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
    await expect(store.apply(event, { transaction: prisma })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });
});

describe('a server of MongoDB that does not answer, by the driver', () => {
  it('is an outage within 5 s, whether it refuses or is silent', async () => {
    const [refusing, silent] = [await listen(), await listen()];
    refusing.server.close();
    await Promise.all([refusing, silent].map(({ url }) => expectOutage(url)));
    silent.server.close();
  });
});

async function listen() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port of this machine has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return { server, url: `mongodb://127.0.0.1:${port}/?directConnection=true` };
}

async function expectOutage(url: string): Promise<void> {
  const patience = { connectTimeoutMS: ANSWER_MS_MAX, serverSelectionTimeoutMS: ANSWER_MS_MAX };
  const client = new MongoClient(url, patience);
  const store = new MongoUserStore(client.db('test').collection('users'));
  const at = { updatedAtMs: BASE_MS, timestampMs: BASE_MS, deliveryId: 'msg_1' };
  const begunAt = performance.now();
  const calls = [() => store.find('user_1'), () => store.listInDoubt(1), () => store.delete('user_1', at)];
  for (const failure of await Promise.all(calls.map(failureOf))) {
    expect(failure).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect(isOutage(failure)).toBe(true);
  }
  expect(performance.now() - begunAt).toBeLessThan(ANSWER_MS_MAX);
  // The driver still looks for the server: it would outlive the test.
  await failureOf(() => client.connect());
  await client.close(true);
}

/** One webhook, applied to the database and told to a handler as the module does it. */
async function tell(delivery: WebhookDelivery, store: MongoUserStore, isRolledBack = false): Promise<void> {
  const told = prisma.$transaction(async (transaction) => {
    const { event } = await applyDelivery(delivery, prismaMirror(transaction));
    if (event !== null && isUserEvent(event)) await store.apply(event, { transaction });
    if (isRolledBack) throw new Error('The handler failed after it had written.');
  });
  if (isRolledBack) await failureOf(() => told);
  else await told;
}

function isUserEvent(event: { readonly type: string }): event is ClerkEventOf<'user.*'> {
  return event.type.startsWith('user.');
}

async function failureOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { resolvedWith: await call() };
  } catch (failure) {
    return failure;
  }
}

interface Told {
  readonly id: string;
  readonly type: string;
  /** Clerk's `updated_at` and the envelope's `timestamp`, milliseconds after a fixed time. */
  readonly at: number;
  readonly sent: number;
  readonly msg: string;
  readonly name: string;
}

function deliveryOf({ id, type, at, sent, msg, name }: Told): WebhookDelivery {
  const data = { id, first_name: name, created_at: BASE_MS, updated_at: BASE_MS + at };
  const ids = { id: msg, entityId: id, userId: id, instanceId: null };
  return { ...ids, type, timestampMs: BASE_MS + sent, payload: { type, data } };
}

/** What Clerk may tell of one user: one version is one content, and a deletion is there once, as ids are not used again. */
const histories = fc
  .array(
    fc.record({
      type: fc.constantFrom('user.created', 'user.updated', 'user.updated', 'user.deleted'),
      at: fc.nat(2),
      sent: fc.nat(2),
      msg: fc.constantFrom('msg_B', 'msg_a', 'msg_b', 'sync_1'),
      isRolledBack: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((told) => {
    const deletion = told.findIndex(({ type }) => type === 'user.deleted');
    return told.filter(({ type }, index) => type !== 'user.deleted' || index === deletion);
  });

function newId(): string {
  return `user_${randomUUID().replaceAll('-', '')}`;
}

function withoutOwnId(lookup: UserLookup): object {
  return lookup.outcome === 'found' ? { ...lookup, user: { ...lookup.user, id: null } } : lookup;
}

async function startHost(
  { secretKey, publishableKey, url: apiUrl, instanceId }: ClerkSandbox,
  store: MongoUserStore,
) {
  @Injectable()
  class Host {
    @OnClerkEvent('user.*')
    async keep(event: ClerkEventOf<'user.*'>, context: ClerkEventContext): Promise<void> {
      await store.apply(event, context);
    }
  }

  const secret = createWebhookSecret();
  const options = { secretKey, publishableKey, apiUrl, webhookSecrets: secret, database: prisma };
  @Module({ imports: [ClerkModule.register(options)], providers: [Host] })
  class HostModule {}

  const app = await NestFactory.createApplicationContext(HostModule, { logger: false, abortOnError: false });
  const service = app.get(ClerkService);
  const receive = async (type: string, data: object) => {
    const nowMs = Date.now();
    const body = JSON.stringify({ type, data, object: 'event', timestamp: nowMs, instance_id: instanceId });
    const message = { id: `msg_${randomUUID()}`, timestampSeconds: Math.floor(nowMs / 1_000), body };
    await service.processWebhook(Buffer.from(body), signatureHeaders(message, secret));
  };
  return { app, service, receive };
}
