import type { Reverification } from './auth/reverification.js';

/** The credentials are bad: HTTP 401. */
export type CredentialErrorCode =
  | 'TOKEN_MISSING'
  | 'TOKEN_MALFORMED'
  | 'TOKEN_ALGORITHM_REJECTED'
  | 'TOKEN_TYPE_REJECTED'
  | 'TOKEN_KEY_UNKNOWN'
  | 'TOKEN_SIGNATURE_INVALID'
  | 'TOKEN_CLAIM_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_NOT_YET_VALID'
  | 'TOKEN_ISSUED_IN_FUTURE'
  | 'TOKEN_ISSUER_REJECTED'
  | 'TOKEN_PARTY_REJECTED'
  | 'TOKEN_AUDIENCE_REJECTED'
  | 'SESSION_PENDING'
  | 'SESSION_REVOKED'
  | 'MACHINE_TOKEN_INVALID'
  | 'USER_DELETED';

/** The caller is known but may not do this: HTTP 403. */
export type AuthorizationErrorCode = 'NOT_ALLOWED' | 'REVERIFICATION_REQUIRED';

/** The thing asked for is not there: HTTP 404. */
export type NotFoundErrorCode = 'USER_NOT_SYNCED' | 'CLERK_RESOURCE_NOT_FOUND';

/** The webhook request is bad: HTTP 400, or 413 for `WEBHOOK_TOO_LARGE`. */
export type WebhookErrorCode =
  | 'WEBHOOK_HEADERS_INVALID'
  | 'WEBHOOK_SIGNATURE_INVALID'
  | 'WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE'
  | 'WEBHOOK_BODY_INVALID'
  | 'WEBHOOK_TOO_LARGE';

/** Clerk refused the arguments of a Backend API call: HTTP 422. */
export type RequestErrorCode = 'CLERK_REQUEST_INVALID';

/** We, or something we depend on, cannot answer now: HTTP 503 with `Retry-After`. */
export type UnavailableErrorCode =
  | 'CLERK_UNAVAILABLE'
  | 'CLERK_RATE_LIMITED'
  | 'CLERK_SECRET_KEY_REJECTED'
  | 'DATABASE_UNAVAILABLE'
  | 'BROKER_UNAVAILABLE'
  | 'CACHE_UNAVAILABLE';

/** The module is set up wrongly: thrown at boot, never during a request. */
export type ConfigurationErrorCode = 'OPTIONS_INVALID';

/** Every code that this library throws. Stable: part of the public API; message texts are not. */
export type ClerkErrorCode =
  | CredentialErrorCode
  | AuthorizationErrorCode
  | NotFoundErrorCode
  | WebhookErrorCode
  | RequestErrorCode
  | UnavailableErrorCode
  | ConfigurationErrorCode;

export interface ClerkErrorDetails {
  /** The original failure, for logs. Never sent to a caller. */
  readonly cause?: unknown;
  /** How long a caller should wait before it tries again, seconds, when the dependency said so. */
  readonly retryAfterSeconds?: number;
  /** For REVERIFICATION_REQUIRED: what the user has to prove again. */
  readonly reverification?: Reverification;
}

/**
 * The one error class of this library. Branch on `code`.
 *
 * The message says what failed, what was expected and what to do; it never holds a token, secret, signature, e-mail or body.
 */
export class ClerkError extends Error {
  override readonly name = 'ClerkError';
  readonly code: ClerkErrorCode;
  readonly retryAfterSeconds: number | undefined;
  readonly reverification: Reverification | undefined;

  constructor(code: ClerkErrorCode, message: string, details: ClerkErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.reverification = details.reverification;
  }
}
