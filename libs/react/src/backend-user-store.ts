import type { BackendClient } from './backend-client.js';
import { BackendError } from './backend-error.js';
import { type BackendUser, loadBackendUser } from './backend-user.js';

export type BackendUserState =
  | { readonly outcome: 'loading' }
  | { readonly outcome: 'loaded'; readonly user: BackendUser }
  | { readonly outcome: 'failed'; readonly error: BackendError };

/** The least time between an error and the next attempt. */
const PAUSE_SECONDS = 5;

/**
 * One user of the service, as an external store: loaded when somebody first looks, once for all who look. An error stays until a
 * later attempt has its answer; who comes within 5 s of it, or within its `Retry-After`, makes none.
 */
export class BackendUserStore {
  readonly #listeners = new Set<() => void>();
  #state: BackendUserState = { outcome: 'loading' };
  #loading: AbortController | null = null;
  /** Unix time, milliseconds. */
  #nextAttemptAtMs = 0;

  constructor(private readonly client: BackendClient) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#isDue()) void this.#load();
    return () => {
      this.#listeners.delete(listener);
      // Later: StrictMode leaves and comes back at once.
      queueMicrotask(() => this.#leave());
    };
  };

  readonly read = (): BackendUserState => this.#state;

  #isDue(): boolean {
    return this.#loading === null && this.#state.outcome !== 'loaded' && Date.now() >= this.#nextAttemptAtMs;
  }

  async #load(): Promise<void> {
    const abort = new AbortController();
    this.#loading = abort;
    const state = await this.#ask(abort.signal);
    if (abort.signal.aborted) return;
    this.#loading = null;
    this.#set(state);
  }

  async #ask(signal: AbortSignal): Promise<BackendUserState> {
    try {
      return { outcome: 'loaded', user: await loadBackendUser(this.client, signal) };
    } catch (error) {
      // Anything else is that nobody looks any more.
      if (!(error instanceof BackendError)) return { outcome: 'loading' };
      const pauseSeconds = Math.max(PAUSE_SECONDS, error.retryAfterSeconds ?? 0);
      this.#nextAttemptAtMs = Date.now() + pauseSeconds * 1_000;
      return { outcome: 'failed', error };
    }
  }

  #leave(): void {
    if (this.#listeners.size > 0) return;
    this.#loading?.abort();
    this.#loading = null;
  }

  #set(state: BackendUserState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
