import { BackendError } from './backend-error.js';
import { problemError } from './problem-error.js';
import { tokenSubject } from './token-subject.js';

/** Clerk's `getToken`: a session token from its cache, or a fresh one. */
export type GetToken = (options?: { skipCache?: boolean }) => Promise<string | null>;

export interface BackendRequest {
  readonly method: 'GET' | 'POST';
  /** Absolute path: `/api/users/me`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: object;
  readonly accept: 'application/json' | 'text/event-stream';
  /** The whole answer has to be there after this, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Hears what each answer says of itself, a refusal too. */
  readonly onHeaders?: (headers: Headers) => void;
}

/** The service, for one user: a token of anybody else is never sent. */
export class BackendClient {
  constructor(
    private readonly options: {
      /** Origin, or empty for the page's own. */
      readonly baseUrl: string;
      readonly userId: string;
      readonly getToken: GetToken;
    },
  ) {}

  get userId(): string {
    return this.options.userId;
  }

  /**
   * Sends a request and reads its answer. 401: once more, with a fresh token.
   *
   * @throws BackendError
   * @throws the signal's reason when it is aborted
   */
  async send<T>(request: BackendRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const signal = AbortSignal.any([request.signal, timeout]);
    try {
      const response = await this.#sendWithToken(request, signal);
      request.onHeaders?.(response.headers);
      if (!response.ok) throw await problemError(response);
      return await read(response);
    } catch (error) {
      request.signal.throwIfAborted();
      if (error instanceof BackendError) throw error;
      throw new BackendError(timeout.aborted ? 'TIMED_OUT' : 'NETWORK_FAILED', { cause: error });
    }
  }

  async #sendWithToken(request: BackendRequest, signal: AbortSignal): Promise<Response> {
    const response = await this.#fetch(request, await this.#token({}, signal), signal);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    return this.#fetch(request, await this.#token({ skipCache: true }, signal), signal);
  }

  async #token(options: { skipCache?: boolean }, signal: AbortSignal): Promise<string> {
    const token = await unlessAborted(this.options.getToken(options), signal);
    // Clerk gives the token of whoever is signed in now: that may be another user than the one who asked.
    if (token === null || tokenSubject(token) !== this.userId) throw new BackendError('SIGNED_OUT');
    return token;
  }

  #fetch(
    { method, path, body, accept }: BackendRequest,
    token: string,
    signal: AbortSignal,
  ): Promise<Response> {
    return fetch(`${this.options.baseUrl}${path}`, {
      method,
      headers: {
        accept,
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      credentials: 'omit',
      cache: 'no-store',
      // A token is for this service, and not for where it might point to.
      redirect: 'error',
      signal,
    });
  }
}

/** Clerk's `getToken` takes no signal. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
