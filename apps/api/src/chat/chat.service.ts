import { Injectable } from '@nestjs/common';
import type { MirroredUser } from 'nest-clerk';

import type { Tier } from '../users/tier.js';
import { displayName } from '../users/user-response.js';
import { ChatMessages } from './chat-messages.js';
import { ChatResponder } from './chat-responder.js';

export interface ChatRequest {
  readonly user: MirroredUser;
  readonly tier: Tier;
  readonly message: string;
}

export interface Conversation {
  /** How many turns were said before. */
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

  async start(request: ChatRequest, signal: AbortSignal): Promise<Conversation> {
    const { user, tier, message } = request;
    const history = await this.messages.recent(user.id);
    const name = displayName(user);
    const pieces = this.responder.answer({ message, name, tier, history }, signal);
    return { earlierMessages: history.length, pieces: this.#keepWhenComplete(request, pieces, signal) };
  }

  async *#keepWhenComplete(
    { user, message }: ChatRequest,
    pieces: AsyncIterable<string>,
    signal: AbortSignal,
  ): AsyncIterable<string> {
    let answer = '';
    for await (const piece of pieces) {
      answer += piece;
      yield piece;
    }
    if (!signal.aborted) await this.messages.keep(user.id, { question: message, answer });
  }
}
