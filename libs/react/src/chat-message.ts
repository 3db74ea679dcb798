export interface ChatMessage {
  /** Unique in its chat. */
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly content: string;
  /**
   * Of the user: `sending`; `waiting` for the rate limit; `sent`; `failed`, which can be sent again. Of the assistant: `streaming`;
   * `complete`; `interrupted`, of which the service keeps nothing.
   */
  readonly status: 'sending' | 'waiting' | 'sent' | 'failed' | 'streaming' | 'complete' | 'interrupted';
}

/** A question and what has come of its answer. */
export interface Exchange {
  readonly id: string;
  readonly question: string;
  readonly answer: string;
  readonly status: 'asking' | 'waiting' | 'answered' | 'failed';
}

const QUESTION_STATUS = {
  asking: 'sending',
  waiting: 'waiting',
  answered: 'sent',
  failed: 'failed',
} as const;
const ANSWER_STATUS = {
  asking: 'streaming',
  waiting: 'streaming',
  answered: 'complete',
  failed: 'interrupted',
} as const;

/** The two messages of an exchange; one, as long as nothing was answered. A question whose answer has begun was sent. */
export function messagesOf({ id, question, answer, status }: Exchange): ChatMessage[] {
  const hasBegun = status === 'asking' && answer !== '';
  const asked: ChatMessage = {
    id,
    role: 'user',
    content: question,
    status: hasBegun ? 'sent' : QUESTION_STATUS[status],
  };
  if (answer === '') return [asked];
  return [asked, { id: `${id}-answer`, role: 'assistant', content: answer, status: ANSWER_STATUS[status] }];
}
