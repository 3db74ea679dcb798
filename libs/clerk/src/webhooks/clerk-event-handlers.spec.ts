import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createWebhookSecret, signatureHeaders } from 'clerk-sandbox';

import { type ClerkEvent, type ClerkEventOf, ClerkModule, ClerkService, OnClerkEvent } from '../index.js';

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

const secret = createWebhookSecret();

@Module({
  imports: [ClerkModule.register({ secretKey: 'sk_test_1', webhookSecrets: secret })],
  providers: [Listener],
})
class AppModule {}

describe('@OnClerkEvent', () => {
  it('is told of each change once, by what happened to the row, and again after a failure', async () => {
    Logger.overrideLogger(false);
    const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
    await app.init();
    const { seen } = app.get(Listener);
    const clerk = app.get(ClerkService);
    const send = async (type: string, id: string, at: number) => {
      const body = Buffer.from(JSON.stringify({ type, data: { id, updated_at: at }, timestamp: at }));
      const timestampSeconds = Math.floor(Date.now() / 1000);
      const headers = signatureHeaders({ id: `msg_${type}_${id}_${at}`, timestampSeconds, body }, secret);
      await clerk.processWebhook(body, headers);
    };

    await send('user.updated', 'user_1', 2);
    await send('user.created', 'user_1', 1);
    await send('user.updated', 'user_1', 3);
    await send('user.updated', 'user_1', 3);
    await send('user.deleted', 'user_1', 4);
    await send('user.updated', 'user_1', 5);
    await send('user.deleted', 'user_2', 4);
    const deadline = Date.now() + 20_000;
    while (seen.length < 4 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(seen).toEqual([
      'user.created user_1',
      'user.updated user_1',
      'user.deleted user_1 seen',
      'user.deleted user_2 unseen',
    ]);

    app.get(Listener).failures = 1;
    await send('user.created', 'user_3', 1);
    while (app.get(Listener).failures > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await clerk.findMirroredUser('user_3')).toEqual({ outcome: 'unknown' });
    await app.close();
  });
});
