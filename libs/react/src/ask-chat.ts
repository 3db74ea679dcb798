import type { BackendClient } from './backend-client.js';
import { BackendError } from './backend-error.js';
import { readEvents, type StreamedEvent } from './event-stream.js';
import { isRecord } from './is-record.js';
import { parseJson } from './problem-error.js';
import { type RateBudget, rateBudgets } from './rate-budgets.js';

/** A model takes a minute at most to answer. */
const ANSWER_MS_MAX = 90_000;

export interface ChatListener {
  /** The answer so far. */
  readonly onAnswer: (text: string) => void;
  readonly onBudgets: (budgets: readonly RateBudget[]) => void;
  readonly signal: AbortSignal;
}

export interface ChatQuestion {
  readonly message: string;
  /** Null: the user's last one, or the first. */
  readonly conversationId: string | null;
}

export interface ChatAnswer {
  readonly answer: string;
  /** Null where the service has no conversations. */
  readonly conversationId: string | null;
}

/** Asks, and resolves with the whole answer. @throws BackendError, the signal's reason */
export function askChat(
  client: BackendClient,
  { message, conversationId }: ChatQuestion,
  listener: ChatListener,
): Promise<ChatAnswer> {
  return client.send(
    {
      method: 'POST',
      path: '/api/v1/chat',
      body: { message, ...(conversationId === null ? {} : { conversation_id: conversationId }) },
      accept: 'text/event-stream',
      timeoutMs: ANSWER_MS_MAX,
      signal: listener.signal,
      onHeaders: (headers) => listener.onBudgets(rateBudgets(headers)),
    },
    (response) => readAnswer(response, listener),
  );
}

async function readAnswer(response: Response, { onAnswer, signal }: ChatListener): Promise<ChatAnswer> {
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  if (!isStream || response.body === null) throw malformed(response);
  let text = '';
  for await (const event of readEvents(response.body)) {
    signal.throwIfAborted();
    const data = parseJson(event.data);
    if (event.name === 'done') {
      return { answer: textIn(data, 'answer', response), conversationId: conversationIn(data) };
    }
    if (event.name === 'error') throw brokenOff(event, response);
    if (event.name === 'delta') onAnswer((text += textIn(data, 'text', response)));
  }
  throw new BackendError('ANSWER_BROKEN_OFF', { status: response.status });
}

function textIn(data: unknown, field: string, response: Response): string {
  const text = isRecord(data) ? data[field] : undefined;
  if (typeof text !== 'string') throw malformed(response);
  return text;
}

function conversationIn(data: unknown): string | null {
  const id = isRecord(data) ? data['conversation_id'] : null;
  return typeof id === 'string' ? id : null;
}

function brokenOff({ data }: StreamedEvent, { status }: Response): BackendError {
  const problem = parseJson(data);
  const code = isRecord(problem) ? problem['code'] : undefined;
  return new BackendError(typeof code === 'string' ? code : 'ANSWER_BROKEN_OFF', { status });
}

function malformed({ status }: Response): BackendError {
  return new BackendError('ANSWER_MALFORMED', { status });
}
