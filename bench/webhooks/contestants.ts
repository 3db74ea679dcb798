import { setTimeout as wait } from 'node:timers/promises';

import { verifyWebhook } from '@clerk/backend/webhooks';
import { Controller, HttpCode, Module, Post, type RawBodyRequest, Req, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { Pool } from 'pg';

import { PrismaService } from '../../apps/api/src/database/prisma.service.js';
import { ClerkModule } from '../../libs/clerk/src/index.js';
import { WebhookApplier } from '../../libs/clerk/src/webhooks/webhook-applier.service.js';
import { WebhookReceiver } from '../../libs/clerk/src/webhooks/webhook-receiver.js';
import { INSTANCE_ID } from './signed-events.js';

export interface Contest {
  readonly url: string;
  readonly secret: string;
  /** The Clerk that users are brought from; left out where none is asked. */
  readonly clerk?: { readonly secretKey: string; readonly apiUrl: string };
}

export interface Running {
  readonly app: NestFastifyApplication;
  /** Where deliveries are applied beside the endpoint. */
  readonly applier: WebhookApplier | null;
  /** Resolves when no delivery waits any more, in any process. */
  readonly settled: () => Promise<void>;
}

export const CONTESTANTS = {
  'nest-clerk': startNestClerk,
  inline: startInline,
  'plain transaction': startPlainTransaction,
} satisfies Record<string, (contest: Contest) => Promise<Running>>;

export type ContestantName = keyof typeof CONTESTANTS;

type WebhookRequest = RawBodyRequest<FastifyRequest>;

async function startNestClerk({ url, secret, clerk }: Contest): Promise<Running> {
  const database = await PrismaService.open({ kind: 'postgres', url });

  @Module({
    imports: [
      ClerkModule.register({
        secretKey: 'sk_test_bench',
        ...clerk,
        webhookSecrets: secret,
        instanceId: INSTANCE_ID,
        database,
      }),
    ],
  })
  class AppModule {}

  const app = await listen(AppModule);
  const applier = app.get(WebhookApplier, { strict: false });
  const receiver = app.get(WebhookReceiver, { strict: false });
  const settled = async () => {
    for (;;) {
      await applier.idle();
      if ((await receiver.backlog()).pending === 0) return;
      // Another process has them, or they are due again later.
      await wait(10);
    }
  };
  return { app, applier, settled };
}

function runningPlainly(app: NestFastifyApplication): Running {
  return { app, applier: null, settled: () => Promise.resolve() };
}

/** As most services write it. */
async function startInline({ url, secret }: Contest): Promise<Running> {
  const prisma = await PrismaService.open({ kind: 'postgres', url });

  @Controller('webhooks/clerk')
  class WebhookController {
    @Post()
    @HttpCode(200)
    async receive(@Req() req: WebhookRequest): Promise<{ ok: true }> {
      const { data } = await verifiedUser(req, secret);
      const row = rowOf(data);
      const { clerkId, ...changes } = row;
      await prisma.user.upsert({ where: { clerkId }, create: row, update: changes });
      return { ok: true };
    }
  }

  return runningPlainly(await listen(withController(WebhookController)));
}

/** The inbox row and the user in one transaction of the driver, for each request. */
async function startPlainTransaction({ url, secret }: Contest): Promise<Running> {
  const pool = new Pool({ connectionString: url, max: 10 });

  @Controller('webhooks/clerk')
  class WebhookController {
    @Post()
    @HttpCode(204)
    async receive(@Req() req: WebhookRequest): Promise<void> {
      const event = await verifiedUser(req, secret);
      const { id, first_name, updated_at } = event.data;
      await insertAndUpsert(pool, {
        insert: [String(req.headers['svix-id']), id, JSON.stringify(event)],
        upsert: [id, first_name, updated_at],
      });
    }
  }

  return runningPlainly(await listen(withController(WebhookController)));
}

export async function insertAndUpsert(
  pool: Pool,
  { insert, upsert }: { readonly insert: readonly unknown[]; readonly upsert: readonly unknown[] },
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(INSERT, [...insert]);
    await client.query(UPSERT, [...upsert]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/** Also what is measured through the driver alone. */
export const INSERT = `INSERT INTO clerk_webhook_events (id, type, entity_id, user_id, timestamp_ms, payload)
  VALUES ($1, 'user.created', $2, $2, 1, $3::jsonb) ON CONFLICT (id) DO NOTHING`;

const UPSERT = `INSERT INTO users AS kept (clerk_id, first_name, is_active, created_at, updated_at, source_updated_at_ms,
    source_timestamp_ms, source_delivery_id)
  VALUES ($1, $2, true, now(), now(), $3::bigint, 1, '')
  ON CONFLICT (clerk_id) DO UPDATE SET first_name = EXCLUDED.first_name, source_updated_at_ms = EXCLUDED.source_updated_at_ms
  WHERE kept.source_updated_at_ms < EXCLUDED.source_updated_at_ms`;

async function verifiedUser(req: WebhookRequest, signingSecret: string) {
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, String(value)]),
  );
  const request = new Request('http://127.0.0.1/webhooks/clerk', {
    method: 'POST',
    headers,
    body: new Uint8Array(req.rawBody ?? Buffer.alloc(0)),
  });
  const event = await verifyWebhook(request, { signingSecret });
  if (event.type !== 'user.created') throw new Error(`The benchmark sends no ${event.type}.`);
  return event;
}

type UserData = Awaited<ReturnType<typeof verifiedUser>>['data'];

function rowOf(user: UserData) {
  return {
    clerkId: user.id,
    email: user.email_addresses.find(({ id }) => id === user.primary_email_address_id)?.email_address ?? null,
    firstName: user.first_name,
    lastName: user.last_name,
    username: user.username,
    imageUrl: user.image_url,
    isActive: !user.banned && !user.locked,
    metadata: { ...user.public_metadata } as Record<string, string>,
    createdAt: new Date(user.created_at),
    updatedAt: new Date(user.updated_at),
    sourceUpdatedAtMs: user.updated_at,
    sourceTimestampMs: user.updated_at,
    sourceDeliveryId: '',
  };
}

function withController(controller: Type<unknown>): Type<unknown> {
  @Module({ controllers: [controller] })
  class AppModule {}
  return AppModule;
}

async function listen(root: Type<unknown>): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
    rawBody: true,
  });
  await app.listen(0, '127.0.0.1');
  return app;
}
