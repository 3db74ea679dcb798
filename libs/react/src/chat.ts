import { askChat } from './ask-chat.js';
import type { BackendClient } from './backend-client.js';
import { BackendError } from './backend-error.js';
import { type ChatMessage, type Exchange, messagesOf } from './chat-message.js';
import { countDown } from './countdown.js';
import type { RateBudget } from './rate-budgets.js';
import { sendInTurn } from './send-in-turn.js';

export interface ChatState {
  readonly messages: readonly ChatMessage[];
  readonly isLoading: boolean;
  readonly error: BackendError | null;
  readonly retryAfterSeconds: number;
  readonly budgets: readonly RateBudget[];
}

const IDLE = { isLoading: false, error: null, retryAfterSeconds: 0 };

/** What one user says and hears: an external store, one question at a time. */
export class Chat {
  readonly #listeners = new Set<() => void>();
  #exchanges: readonly Exchange[] = [];
  #state: ChatState = { messages: [], budgets: [], ...IDLE };
  /** Of the question that is under way. */
  #abort = new AbortController();
  /** Of the countdown after one that failed, which runs while somebody looks. */
  #countdown = new AbortController();
  /** When the service takes messages again. Unix time, milliseconds. */
  #freeAtMs = 0;
  #count = 0;
  /** Where the last answer belongs: a chat stays there, whatever else the user says elsewhere. */
  #conversationId: string | null = null;

  /** `client`: null while nobody is signed in, and then nothing is sent. */
  constructor(private readonly client: BackendClient | null) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#countDown();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#countdown.abort();
    };
  };

  readonly read = (): ChatState => this.#state;

  readonly send = async (message: string | ChatMessage): Promise<boolean> => {
    const exchange = this.#exchangeFor(message);
    if (this.client === null || this.#state.isLoading || exchange === null) return false;
    this.#countdown.abort();
    this.#abort = new AbortController();
    this.#set({ ...IDLE, isLoading: true });
    return this.#exchange(this.client, exchange, this.#abort.signal);
  };

  readonly stop = (): void => this.#abort.abort();

  /** A new one, or that of a message that failed; null where there is nothing to send. */
  #exchangeFor(message: string | ChatMessage): Exchange | null {
    if (typeof message === 'string') {
      if (message.trim() === '') return null;
      this.#count += 1;
      return { id: `message-${this.#count}`, question: message, answer: '', status: 'asking' };
    }
    const failed = this.#exchanges.find(({ id, status }) => id === message.id && status === 'failed');
    return failed === undefined ? null : { ...failed, answer: '', status: 'asking' };
  }

  async #exchange(client: BackendClient, exchange: Exchange, signal: AbortSignal): Promise<boolean> {
    const { question } = exchange;
    this.#keep(exchange);
    const onAnswer = (answer: string) => this.#keep({ ...exchange, answer });
    const onBudgets = (budgets: readonly RateBudget[]) => this.#set({ budgets });
    const onWait = (secondsLeft: number) => {
      this.#keep({ ...exchange, status: secondsLeft > 0 ? 'waiting' : 'asking' });
      this.#set({ retryAfterSeconds: secondsLeft });
    };
    try {
      const asked = { message: question, conversationId: this.#conversationId };
      const send = () => askChat(client, asked, { onAnswer, onBudgets, signal });
      const { answer, conversationId } = await sendInTurn(send, { signal, onWait });
      this.#conversationId = conversationId;
      this.#keep({ ...exchange, answer, status: 'answered' });
      this.#set(IDLE);
      return true;
    } catch (error) {
      // Anything else is that it was stopped.
      this.#fail(exchange.id, error instanceof BackendError ? error : null);
      return false;
    }
  }

  #fail(id: string, error: BackendError | null): void {
    const failed = this.#exchanges.find((exchange) => exchange.id === id);
    if (failed !== undefined) this.#keep({ ...failed, status: 'failed' });
    const retryAfterSeconds = error?.retryAfterSeconds ?? 0;
    this.#freeAtMs = Date.now() + retryAfterSeconds * 1_000;
    this.#set({ ...IDLE, error, retryAfterSeconds });
    this.#countDown();
  }

  /** Begins, or goes on where it is by now. A question that is under way counts for itself. */
  #countDown(): void {
    const { isLoading, retryAfterSeconds } = this.#state;
    if (isLoading || retryAfterSeconds === 0 || this.#listeners.size === 0) return;
    this.#countdown.abort();
    this.#countdown = new AbortController();
    const onTick = (secondsLeft: number) => this.#set({ retryAfterSeconds: secondsLeft });
    // Ends when something else is sent, or nobody looks any more.
    void countDown(this.#freeAtMs, { onTick, signal: this.#countdown.signal }).catch(() => undefined);
  }

  #keep(exchange: Exchange): void {
    const isThere = this.#exchanges.some(({ id }) => id === exchange.id);
    this.#exchanges = isThere
      ? this.#exchanges.map((other) => (other.id === exchange.id ? exchange : other))
      : [...this.#exchanges, exchange];
    this.#set({ messages: this.#exchanges.flatMap(messagesOf) });
  }

  #set(changes: Partial<ChatState>): void {
    this.#state = { ...this.#state, ...changes };
    for (const listener of this.#listeners) listener();
  }
}
