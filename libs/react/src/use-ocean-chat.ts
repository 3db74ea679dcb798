import { useEffect, useMemo, useSyncExternalStore } from 'react';

import type { BackendError } from './backend-error.js';
import { useBackend } from './backend-provider.js';
import { Chat } from './chat.js';
import type { ChatMessage } from './chat-message.js';
import type { RateBudget } from './rate-budgets.js';

export interface UseOceanChat {
  /** Oldest first. The answer that is being written is the last. */
  readonly messages: readonly ChatMessage[];
  /**
   * Sends a text, or a message that failed once more, in its place. Resolves when it is answered (true) or not (false), and never
   * rejects: `error` says why. False and no error: it was stopped, it is blank, nobody is signed in, or another is under way.
   *
   * 401: one more try with a fresh token. 429 with `Retry-After` up to 60 s: waits while `retryAfterSeconds` counts down, then tries
   * once more; a longer wait fails the message, and `retryAfterSeconds` says when it may be sent again.
   */
  readonly sendMessage: (message: string | ChatMessage) => Promise<boolean>;
  /** Gives up what is under way, the wait for a rate limit included; the message can be sent again. */
  readonly stop: () => void;
  /** Whether a message is under way or waits. */
  readonly isLoading: boolean;
  /** Of the last message; null once another is sent. */
  readonly error: BackendError | null;
  /** Counts down to 0: then the service takes messages again. */
  readonly retryAfterSeconds: number;
  /** What is left of the rate limit, as the last answer said; empty until then, and where the service does not say. */
  readonly budgets: readonly RateBudget[];
}

/**
 * A chat with the service, streamed. It goes on with the user's last conversation, and stays in it. It is this component's and this user's: it begins anew when somebody else signs in, and what
 * is under way is given up then and when the component unmounts.
 */
export function useOceanChat(): UseOceanChat {
  const client = useBackend()?.client ?? null;
  const chat = useMemo(() => new Chat(client), [client]);
  useEffect(() => chat.stop, [chat]);
  const state = useSyncExternalStore(chat.subscribe, chat.read, chat.read);
  return { ...state, sendMessage: chat.send, stop: chat.stop };
}
