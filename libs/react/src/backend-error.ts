export interface BackendErrorFacts {
  /** HTTP status; null where there was no answer, or it broke off. @default null */
  readonly status?: number | null;
  /** When to try again, seconds; null where the service does not say. @default null */
  readonly retryAfterSeconds?: number | null;
  readonly cause?: unknown;
}

/**
 * A request that was not answered as it should be. `code` is the service's own (`RATE_LIMITED`, `TOKEN_EXPIRED`, …), or one of:
 *
 * - `NETWORK_FAILED`: the service or Clerk could not be reached
 * - `TIMED_OUT`: no whole answer in time
 * - `SIGNED_OUT`: the user has no session any more, or somebody else has signed in
 * - `ANSWER_MALFORMED`: something answered that is not the service
 * - `ANSWER_BROKEN_OFF`: a streamed answer ended before its end
 */
export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly status: number | null;
  readonly retryAfterSeconds: number | null;

  constructor(
    readonly code: string,
    { status = null, retryAfterSeconds = null, cause }: BackendErrorFacts = {},
  ) {
    super(`The service did not answer as it should: ${code}.`, cause === undefined ? {} : { cause });
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
