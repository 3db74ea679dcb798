import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createWebhookSecret, signatureHeaders } from 'clerk-sandbox';

import {
  type ClerkEvent,
  type ClerkEventContext,
  type ClerkEventOf,
  ClerkModule,
  ClerkService,
  OnClerkEvent,
} from '../index.js';

@Injectable()
class Listener {
  readonly seen: string[] = [];
  failures = 0;

  @OnClerkEvent('user.created')
  async created({ type, user }: ClerkEventOf<'user.created'>): Promise<void> {
    this.note(type, user.clerkId);
  }

  @OnClerkEvent('user.updated')
  async updated({ type, user }: ClerkEventOf<'user.updated'>): Promise<void> {
    this.note(type, user.clerkId);
  }

  @OnClerkEvent('user.deleted')
  async deleted({ type, clerkId, userId }: ClerkEventOf<'user.deleted'>): Promise<void> {
    this.note(type, `${clerkId} ${userId === null ? 'unseen' : 'seen'}`);
  }

  private note(type: ClerkEvent['type'], what: string): void {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the handler failed');
    }
    this.seen.push(`${type} ${what}`);
  }
}

@Injectable()
class Chronicler {
  readonly families: string[] = [];
  readonly all: string[] = [];
  readonly sessions: string[] = [];
  readonly keys: string[] = [];

  @OnClerkEvent('organizationMembership.*')
  async membership(event: ClerkEventOf<'organizationMembership.*'>): Promise<void> {
    this.families.push('membership' in event ? `${event.type} ${event.membership.role}` : event.type);
  }

  @OnClerkEvent('*')
  async anything({ type }: ClerkEvent, { idempotencyKey, attempt }: ClerkEventContext): Promise<void> {
    this.all.push(type);
    this.keys.push(`${idempotencyKey} ${attempt}`);
  }

  @OnClerkEvent('session.created')
  @OnClerkEvent('session.*')
  @OnClerkEvent('unknown')
  async several(event: ClerkEventOf<'session.created' | 'session.*' | 'unknown'>): Promise<void> {
    this.sessions.push(event.type === 'unknown' ? event.name : event.data.user_id);
  }
}

const secret = createWebhookSecret();
// Clerk, which is not there, is asked about older events.
const STARTED_MS = Date.now();

@Module({
  imports: [ClerkModule.register({ secretKey: 'sk_test_1', webhookSecrets: secret })],
  providers: [Listener, Chronicler],
})
class AppModule {}

async function start() {
  Logger.overrideLogger(false);
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
  await app.init();
  const clerk = app.get(ClerkService);
  const send = async (type: string, data: { readonly id: string }, at: number) => {
    const timestamp = STARTED_MS + at;
    const body = Buffer.from(JSON.stringify({ type, data: { updated_at: timestamp, ...data }, timestamp }));
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const headers = signatureHeaders({ id: `msg_${type}_${data.id}_${at}`, timestampSeconds, body }, secret);
    await clerk.processWebhook(body, headers);
  };
  return { app, clerk, send };
}

async function untilTrue(isThere: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!isThere() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('@OnClerkEvent', () => {
  it('takes families, everything, several names on one method, and what nobody knows', async () => {
    const { app, clerk, send } = await start();
    const membership = (role: string) => ({
      id: 'orgmem_1',
      role,
      organization: { id: 'org_1' },
      public_user_data: { user_id: 'user_1' },
    });
    await send('organizationMembership.updated', membership('org:admin'), 2);
    await send('organizationMembership.created', membership('org:member'), 1);
    await send('organizationMembership.deleted', membership('org:member'), 3);
    await send('session.created', { id: 'sess_1', user_id: 'user_1' } as { id: string }, 1);
    await send('session.created', { id: 'sess_1', user_id: 'user_1' } as { id: string }, 1);
    await send('galaxy.born', { id: 'gal_1' }, 1);
    const seen = app.get(Chronicler);
    await untilTrue(() => seen.all.length >= 4);
    expect(seen.families).toEqual([
      'organizationMembership.created org:admin',
      'organizationMembership.deleted',
    ]);
    expect(seen.sessions.toSorted()).toEqual(['galaxy.born', 'user_1']);
    expect(seen.all.toSorted()).toEqual([
      'organizationMembership.created',
      'organizationMembership.deleted',
      'session.created',
      'unknown',
    ]);
    expect(seen.keys).toContain('msg_organizationMembership.updated_orgmem_1_2 1');
    expect(await clerk.mirroredMemberships('user_1')).toEqual([]);
    await app.close();
  });

  it('is told of each change once, by what happened to the row, and again after a failure', async () => {
    const { app, clerk, send: sendData } = await start();
    const { seen } = app.get(Listener);
    const send = (type: string, id: string, at: number) => sendData(type, { id }, at);

    await send('user.updated', 'user_1', 2);
    await send('user.created', 'user_1', 1);
    await send('user.updated', 'user_1', 3);
    await send('user.updated', 'user_1', 3);
    await send('user.deleted', 'user_1', 4);
    await send('user.updated', 'user_1', 5);
    await send('user.deleted', 'user_2', 4);
    await untilTrue(() => seen.length >= 4);
    expect(seen.filter((note) => note.includes('user_1'))).toEqual([
      'user.created user_1',
      'user.updated user_1',
      'user.deleted user_1 seen',
    ]);
    expect(seen.filter((note) => note.includes('user_2'))).toEqual(['user.deleted user_2 unseen']);

    app.get(Listener).failures = 1;
    await send('user.created', 'user_3', 1);
    await untilTrue(() => app.get(Listener).failures === 0);
    expect(await clerk.findMirroredUser('user_3')).toEqual({ outcome: 'unknown' });
    await app.close();
  });
});
