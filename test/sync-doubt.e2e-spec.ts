import { randomUUID } from 'node:crypto';

import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClerkSandbox, createWebhookSecret } from 'clerk-sandbox';
import { type ClerkEventOf, ClerkModule, ClerkService, OnClerkEvent } from 'nest-clerk';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { createStorage } from '../libs/clerk/src/storage.js';
import { applyDelivery } from '../libs/clerk/src/webhooks/apply-delivery.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { until } from './support/service.js';
import { plantUsers } from './support/sync.js';

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

/** A host that does nothing about its rows but to import the module. */
async function startHost() {
  const heard: (string | null)[] = [];

  @Injectable()
  class Host {
    @OnClerkEvent('user.updated')
    async note({ user }: ClerkEventOf<'user.updated'>): Promise<void> {
      heard.push(user.firstName);
    }
  }

  const { secretKey, publishableKey, url: apiUrl } = clerk;
  const options = { secretKey, publishableKey, apiUrl, webhookSecrets: createWebhookSecret() };
  @Module({ imports: [ClerkModule.register({ ...options, database: prisma })], providers: [Host] })
  class HostModule {}

  const app = await NestFactory.createApplicationContext(HostModule, { logger: false, abortOnError: false });
  return { app, service: app.get(ClerkService), heard };
}

/** Applies two webhooks that claim Clerk's `updated_at`, neither with what Clerk has. */
async function applyTied(userId: string): Promise<void> {
  const { inbox } = createStorage(prisma, 'default');
  const user = clerk.users.get(userId);
  const { instanceId } = clerk;
  for (const [index, first_name] of ['One', 'Other'].entries()) {
    const data = { ...user, first_name, banned: false };
    const [type, timestampMs] = ['user.updated', user.updated_at + index];
    const payload = { data, object: 'event', type, timestamp: timestampMs, instance_id: instanceId };
    const id = `msg_${randomUUID()}`;
    await inbox.store({ id, type, entityId: userId, userId, timestampMs, instanceId, payload });
    await inbox.drainOne(async (delivery, mirror) => (await applyDelivery(delivery, mirror)).result);
  }
}

it('a row that two webhooks with one time leave in doubt ends as Clerk says: handlers hear of it, and a ban ends sessions', async () => {
  const [ada = ''] = plantUsers(clerk, 1);
  const { token } = clerk.signIn(ada);
  clerk.users.ban(ada);
  const { first_name: firstName } = clerk.users.get(ada);
  // Before there is a host: soon after its start it looks for doubts once, and then not for an hour.
  await applyTied(ada);
  expect(await prisma.user.findUnique({ where: { clerkId: ada } })).toMatchObject({ needsRefetch: true });
  const { app, service, heard } = await startHost();
  await until(
    async () => heard.at(-1),
    (name) => name === firstName,
  );
  const lookup = { outcome: 'found', user: { firstName, isActive: false } };
  await until(
    () => prisma.clerkWebhookEvent.count({ where: { status: 'pending' } }),
    (count) => count === 0,
  );
  expect(await service.findMirroredUser(ada)).toMatchObject(lookup);
  expect(await prisma.user.findUnique({ where: { clerkId: ada } })).toMatchObject({ needsRefetch: false });
  await until(
    () => service.verifyToken(token).catch((error: unknown) => error),
    (answer) => answer instanceof Error,
  );
  await expect(service.verifyToken(token)).rejects.toMatchObject({ code: 'SESSION_REVOKED' });
  await app.close();
});
