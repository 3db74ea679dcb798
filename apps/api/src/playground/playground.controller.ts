import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from 'nest-clerk';
import { SkipRateLimit } from 'nest-rate-tiers';
import { z } from 'zod';

import { EmbeddedClerk } from '../clerk/embedded-clerk.js';
import { type ListedWebhook, PlaygroundWebhooks } from './playground-webhooks.js';
import { SamePageGuard } from './same-page.guard.js';

const id = z.string().regex(/^[a-z]{2,8}_[A-Za-z0-9]{1,64}$/, 'must be an id of Clerk');
const person = z.strictObject({ user_id: id });

interface SeededUser {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
}

/** What Clerk's sign-in and dashboard do, for the page at `/`. */
@ApiExcludeController()
@Public(true)
@SkipRateLimit()
@UseGuards(SamePageGuard)
@Controller('playground')
export class PlaygroundController {
  constructor(
    private readonly clerk: EmbeddedClerk,
    private readonly webhooks: PlaygroundWebhooks,
  ) {}

  @Get('users')
  users(): SeededUser[] {
    const { users, subscriptions } = this.clerk.sandbox;
    return users.all().map(({ id, first_name, last_name }) => ({
      id,
      name: [first_name, last_name].filter(Boolean).join(' ') || id,
      plan: subscriptions.planOf(id),
    }));
  }

  @Post('sessions')
  signIn(@Body({ schema: person }) { user_id: userId }: z.infer<typeof person>): {
    session_id: string;
    token: string;
  } {
    this.#requireUser(userId);
    const { sessionId, token } = this.clerk.sandbox.signIn(userId);
    return { session_id: sessionId, token };
  }

  @Post('sessions/:id/token')
  @HttpCode(200)
  token(@Param('id', { schema: id }) sessionId: string): { token: string } {
    this.#requireSession(sessionId);
    return { token: this.clerk.sandbox.signSessionToken(sessionId) };
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  signOut(@Param('id', { schema: id }) sessionId: string): void {
    this.#requireSession(sessionId);
    this.clerk.sandbox.sessions.end(sessionId);
  }

  @Get('webhooks')
  list(): Promise<ListedWebhook[]> {
    return this.webhooks.list();
  }

  @Post('webhooks/failing')
  @HttpCode(202)
  sendFailing(
    @Body({ schema: person }) { user_id: userId }: z.infer<typeof person>,
  ): Promise<{ id: string }> {
    this.#requireUser(userId);
    return this.webhooks.sendFailing(userId);
  }

  @Post('webhooks/:id/replay')
  @HttpCode(202)
  replay(@Param('id', { schema: id }) webhookId: string): { id: string } {
    if (!this.webhooks.replay(webhookId)) throw notThere('webhook');
    return { id: webhookId };
  }

  #requireUser(userId: string): void {
    const { users } = this.clerk.sandbox;
    if (!users.all().some((user) => user.id === userId)) throw notThere('user');
  }

  #requireSession(sessionId: string): void {
    try {
      this.clerk.sandbox.sessions.requireActive(sessionId);
    } catch (cause) {
      throw notThere('active session', cause);
    }
  }
}

function notThere(what: string, cause?: unknown): NotFoundException {
  return new NotFoundException({ code: 'NOT_FOUND', message: `There is no such ${what}.` }, { cause });
}
