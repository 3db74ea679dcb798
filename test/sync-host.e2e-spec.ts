import { Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClerkSandbox, createWebhookSecret } from 'clerk-sandbox';
import {
  type ClerkEventOf,
  ClerkModule,
  type ClerkModuleOptions,
  ClerkService,
  ClerkSync,
  OnClerkEvent,
  type ReconcileReport,
} from 'nest-clerk';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { until } from './support/service.js';
import { plantUsers } from './support/sync.js';

// Calls at Clerk's pace.
import.meta.jest.setTimeout(90_000);

let clerk: ClerkSandbox;
let database: TestDatabase;
let prisma: PrismaService;

beforeEach(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
  database = await createTestDatabase();
  prisma = await PrismaService.open(database.options);
}, 90_000);

afterEach(async () => {
  await clerk.stop();
  await prisma.onApplicationShutdown();
  await database.drop();
});

function optionsOf({ secretKey, publishableKey, url }: ClerkSandbox): ClerkModuleOptions {
  return { secretKey, publishableKey, apiUrl: url, webhookSecrets: createWebhookSecret() };
}

/** A host that brings its users, or makes good what it has missed, whenever it starts. */
async function startHost(options: ClerkModuleOptions, { catchesUp = true } = {}) {
  const welcomed: string[] = [];

  @Injectable()
  class Host implements OnApplicationBootstrap {
    report: Promise<ReconcileReport> | undefined;

    constructor(
      readonly sync: ClerkSync,
      readonly service: ClerkService,
    ) {}

    onApplicationBootstrap(): void {
      if (catchesUp) this.report = this.sync.reconcile();
    }

    @OnClerkEvent('user.created')
    async welcome({ user }: ClerkEventOf<'user.created'>): Promise<void> {
      welcomed.push(user.clerkId);
    }
  }

  @Module({ imports: [ClerkModule.register(options)], providers: [Host] })
  class HostModule {}

  const app = await NestFactory.createApplicationContext(HostModule, { logger: false, abortOnError: false });
  const host = app.get(Host);
  return { app, host, report: await host.report, welcomed };
}

describe('a host', () => {
  it('makes good what it has missed when it starts after an outage, and its handlers hear of it', async () => {
    const [ada = '', ben = ''] = plantUsers(clerk, 40);
    const options = { ...optionsOf(clerk), database: prisma };
    const first = await startHost(options);
    expect(first.report).toMatchObject({ missing: 40, fuse: null });
    await until(
      async () => first.welcomed.length,
      (count) => count === 40,
    );
    await first.app.close();

    const [comer = ''] = plantUsers(clerk, 1);
    clerk.users.update(ada, { first_name: 'Changed' });
    clerk.users.delete(ben);
    const second = await startHost(options);
    expect(second.report).toMatchObject({ missing: 1, stale: 1, extra: 1, fuse: null });
    await until(
      () => prisma.clerkWebhookEvent.count({ where: { status: 'pending' } }),
      (count) => count === 0,
    );
    const { service } = second.host;
    expect(await service.findMirroredUser(ben)).toMatchObject({ outcome: 'deleted' });
    expect(await service.findMirroredUser(ada)).toMatchObject({ user: { firstName: 'Changed' } });
    expect(second.welcomed).toEqual([comer]);
    await second.app.close();
  });

  it('without a database has its users in the process', async () => {
    const [ada = ''] = plantUsers(clerk, 2);
    const { app, host } = await startHost(optionsOf(clerk));
    expect(await host.sync.backfill()).toMatchObject({ kinds: { users: { seen: 2 } } });
    expect(await host.service.findMirroredUser(ada)).toMatchObject({ outcome: 'found' });
    await app.close();
  });

  it('that shuts down in the middle of a backfill goes on from there', async () => {
    plantUsers(clerk, 1_200);
    const options = { ...optionsOf(clerk), database: prisma };
    // Webhooks for all of them would take the embedded database's one connection from the backfill.
    const first = await startHost(options, { catchesUp: false });
    const onProgress = () => void first.app.close();
    await expect(first.host.sync.backfill({ onProgress })).rejects.toMatchObject({ name: 'AbortError' });
    const [walk] = await prisma.clerkSyncRun.findMany({ where: { revision: { gt: 0 } } });
    expect(walk).toMatchObject({ finishedAt: null });
    const second = await startHost(options, { catchesUp: false });
    clerk.requestCounts.clear();
    expect(await second.host.sync.backfill()).toMatchObject({ kinds: { users: { seen: 1_200 } } });
    // Three pages hold all.
    expect(clerk.requestCounts.get('GET /v1/users')).toBe(3 - (walk?.revision ?? 0));
    await second.app.close();
  });
});
