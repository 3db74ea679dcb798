import { Readable } from 'node:stream';

import {
  BadRequestException,
  Body,
  Controller,
  HttpCode,
  NotFoundException,
  Post,
  Res,
} from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AcceptTokens, type Auth, ClerkService, CurrentAuth, type MirroredUser } from 'nest-clerk';
import { z } from 'zod';

import { tierOf, type Tier } from '../users/tier.js';
import { notAllowed, UserAccess } from '../users/user-access.js';
import { displayName } from '../users/user-response.js';
import { ChatService, type Conversation } from './chat.service.js';
import { eventStream } from './event-stream.js';

const MESSAGE_LENGTH_MAX = 4_000;

const question = z.strictObject({
  message: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(MESSAGE_LENGTH_MAX, `must not exceed ${MESSAGE_LENGTH_MAX} characters`)
    // The first cannot be stored by PostgreSQL, the second not be sent as UTF-8.
    .refine(
      (text) => !text.includes('\u0000') && text.isWellFormed(),
      'must be text without NUL or half characters',
    ),
  clerk_user_id: z
    .string()
    .regex(/^user_[A-Za-z0-9]{1,64}$/, 'must be an id of Clerk: user_…')
    .optional(),
});
const answer = z.object({
  answer: z.string(),
  user: z.object({
    clerk_id: z.string(),
    name: z.string().nullable(),
    tier: z.enum(['FREE', 'PRO', 'ENTERPRISE']),
  }),
  earlier_messages: z.int(),
});

type Answer = z.infer<typeof answer>;

@ApiTags('chat')
@ApiBearerAuth()
@AcceptTokens('session_token', 'api_key', 'm2m_token')
@Controller('api/v1/chat')
export class ChatController {
  constructor(
    private readonly chat: ChatService,
    private readonly clerk: ClerkService,
    private readonly access: UserAccess,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Say something; with `Accept: text/event-stream` the answer comes piece by piece',
    description: 'With a machine token, `clerk_user_id` says for whom.',
  })
  @ApiProduces('application/json', 'text/event-stream')
  @ApiResponse({ status: 200, standardSchema: answer })
  async ask(
    @Body({ schema: question }) body: z.infer<typeof question>,
    @CurrentAuth() auth: Auth,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Answer | Readable> {
    const user = await this.#userOf(auth, body.clerk_user_id);
    const tier = tierOf(user, auth);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const conversation = await this.chat.start({ user, tier, message: body.message }, gone.signal);
    if (!wantsEvents(reply.request)) return whole(conversation, user, tier);
    void reply.headers({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    return Readable.from(
      eventStream(conversation.pieces, (text) => answerOf(text, { conversation, user, tier })),
    );
  }

  async #userOf(auth: Auth, asked: string | undefined): Promise<MirroredUser> {
    const clerkId = asked ?? (auth.tokenType === 'm2m_token' ? undefined : this.access.requireUserId(auth));
    if (clerkId === undefined) {
      throw new BadRequestException({
        code: 'VALIDATION_FAILED',
        message: 'clerk_user_id: a machine token stands for no user, so say for whom',
      });
    }
    if (!this.access.maySpeakFor(auth, clerkId)) {
      throw notAllowed('To speak for somebody else takes a machine token.');
    }
    if (this.access.isOwn(auth, clerkId)) return this.clerk.currentUser(auth);
    const lookup = await this.clerk.findMirroredUser(clerkId);
    if (lookup.outcome === 'found' && !lookup.user.isActive)
      throw notAllowed('The user is banned or locked.');
    if (lookup.outcome === 'found') return lookup.user;
    throw new NotFoundException({ code: 'USER_NOT_FOUND', message: 'There is no such user here.' });
  }
}

function wantsEvents(req: FastifyRequest): boolean {
  return req.headers.accept?.includes('text/event-stream') ?? false;
}

async function whole(conversation: Conversation, user: MirroredUser, tier: Tier): Promise<Answer> {
  let text = '';
  for await (const piece of conversation.pieces) text += piece;
  return answerOf(text, { conversation, user, tier });
}

function answerOf(
  text: string,
  { conversation, user, tier }: { conversation: Conversation; user: MirroredUser; tier: Tier },
): Answer {
  return {
    answer: text,
    user: { clerk_id: user.clerkId, name: displayName(user), tier },
    earlier_messages: conversation.earlierMessages,
  };
}
