import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import type { MirroredUser } from 'nest-clerk';

import type { Tier } from '../users/tier.js';
import { displayName } from '../users/user-response.js';
import { ChatMessages, type ChatThread } from './chat-messages.js';
import { ChatResponder } from './chat-responder.js';
import { conversationNotFound } from './conversation-not-found.js';

export interface ChatRequest {
  readonly user: MirroredUser;
  readonly tier: Tier;
  readonly message: string;
  /** Which conversation goes on; null begins one; undefined is the last one, or the first. */
  readonly conversationId: string | null | undefined;
}

export interface RunningAnswer {
  /** Final when the pieces have ended: of two first questions at once, one goes on with the conversation of the other. */
  readonly conversationId: string;
  /** How many of the turns before the answer was given: at most 20. */
  readonly earlierMessages: number;
  /** The answer in pieces. Both sides are kept when it is complete; an answer that breaks off leaves nothing. */
  readonly pieces: AsyncIterable<string>;
}

@Injectable()
export class ChatService {
  constructor(
    private readonly messages: ChatMessages,
    private readonly responder: ChatResponder,
  ) {}

  /** @throws NotFoundException CONVERSATION_NOT_FOUND, for somebody else's too */
  async start(request: ChatRequest, signal: AbortSignal): Promise<RunningAnswer> {
    const { user, tier, message } = request;
    const { thread, isFirst } = await this.#threadOf(user.clerkId, request.conversationId);
    const history = await this.messages.recent(thread);
    const name = displayName(user);
    const pieces = this.responder.answer({ message, name, tier, history }, signal);
    let { conversationId } = thread;
    const keep = async (answer: string) => {
      if (signal.aborted) return;
      conversationId = await this.messages.keep(thread, { question: message, answer, isFirst });
    };
    return {
      get conversationId() {
        return conversationId;
      },
      earlierMessages: history.length,
      pieces: keepWhenComplete(pieces, keep),
    };
  }

  async #threadOf(
    userId: string,
    asked: string | null | undefined,
  ): Promise<{ readonly thread: ChatThread; readonly isFirst: boolean }> {
    if (typeof asked === 'string') {
      const thread = { userId, conversationId: asked };
      if (await this.messages.has(thread)) return { thread, isFirst: false };
      throw conversationNotFound();
    }
    const last = asked === undefined ? await this.messages.lastConversationId(userId) : null;
    const thread = { userId, conversationId: last ?? randomUUID() };
    return { thread, isFirst: asked === undefined && last === null };
  }
}

async function* keepWhenComplete(
  pieces: AsyncIterable<string>,
  keep: (answer: string) => Promise<void>,
): AsyncIterable<string> {
  let answer = '';
  for await (const piece of pieces) {
    answer += piece;
    yield piece;
  }
  await keep(answer);
}
