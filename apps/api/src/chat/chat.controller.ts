import { Readable } from 'node:stream';

import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AcceptTokens, type Auth, CurrentAuth, type MirroredUser } from 'nest-clerk';
import { z } from 'zod';

import { prefers } from '../http/accept.js';
import { clerkUserIdSchema } from '../users/clerk-user-id.js';
import type { Tier } from '../users/tier.js';
import { displayName } from '../users/user-response.js';
import { ChatSpeakers } from './chat-speakers.js';
import { ChatService, type RunningAnswer } from './chat.service.js';
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
  clerk_user_id: clerkUserIdSchema.optional(),
  conversation_id: z.uuid('must be the id of a conversation').nullish(),
});
const answer = z.object({
  answer: z.string(),
  user: z.object({
    clerk_id: z.string(),
    name: z.string().nullable(),
    tier: z.enum(['FREE', 'PRO', 'ENTERPRISE']),
  }),
  conversation_id: z.uuid(),
  earlier_messages: z.int().max(20).describe('How many of the turns before the answer was given: at most 20'),
});

type Answer = z.infer<typeof answer>;

@ApiTags('chat')
@ApiBearerAuth()
@AcceptTokens('session_token', 'api_key', 'm2m_token')
@Controller('api/v1/chat')
export class ChatController {
  constructor(
    private readonly chat: ChatService,
    private readonly speakers: ChatSpeakers,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Say something; with `Accept: text/event-stream` the answer comes piece by piece',
    description:
      'Goes on with the conversation `conversation_id`; with null it begins one; left out, it goes on with the last one. ' +
      'With a machine token, `clerk_user_id` says for whom.',
  })
  @ApiProduces('application/json', 'text/event-stream')
  @ApiResponse({ status: 200, standardSchema: answer })
  async ask(
    @Body({ schema: question }) body: z.infer<typeof question>,
    @CurrentAuth() auth: Auth,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Answer | Readable> {
    const { user, tier } = await this.speakers.of(auth, body.clerk_user_id);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const { message, conversation_id: conversationId } = body;
    const running = await this.chat.start({ user, tier, message, conversationId }, gone.signal);
    if (!prefers(reply.request.headers.accept, 'text/event-stream')) return whole(running, user, tier);
    void reply.headers({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    return Readable.from(eventStream(running.pieces, (text) => answerOf(text, { running, user, tier })));
  }
}

async function whole(running: RunningAnswer, user: MirroredUser, tier: Tier): Promise<Answer> {
  let text = '';
  for await (const piece of running.pieces) text += piece;
  return answerOf(text, { running, user, tier });
}

function answerOf(
  text: string,
  { running, user, tier }: { running: RunningAnswer; user: MirroredUser; tier: Tier },
): Answer {
  return {
    answer: text,
    user: { clerk_id: user.clerkId, name: displayName(user), tier },
    conversation_id: running.conversationId,
    earlier_messages: running.earlierMessages,
  };
}
