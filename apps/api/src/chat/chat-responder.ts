import type { Tier } from '../users/tier.js';

export interface ChatTurn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

export interface ChatQuestion {
  readonly message: string;
  /** What the user is called; null where Clerk has no name. */
  readonly name: string | null;
  readonly tier: Tier;
  /** Earlier turns, oldest first. */
  readonly history: readonly ChatTurn[];
}

/** Answers a message, piece by piece. */
export abstract class ChatResponder {
  /** @throws ServiceUnavailableException with the code CHAT_UNAVAILABLE */
  abstract answer(question: ChatQuestion, signal: AbortSignal): AsyncIterable<string>;
}
