import { HttpException } from '@nestjs/common';

import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';

/** Where a dependency does not say how long to wait, seconds. */
const RETRY_AFTER_SECONDS = 5;

/** The one place where codes become HTTP. 401: bad credentials. 403: not allowed. 503: we cannot answer; nobody is logged out. */
const STATUS_BY_CODE: Readonly<Record<ClerkErrorCode, number>> = {
  TOKEN_MISSING: 401,
  TOKEN_MALFORMED: 401,
  TOKEN_ALGORITHM_REJECTED: 401,
  TOKEN_TYPE_REJECTED: 401,
  TOKEN_KEY_UNKNOWN: 401,
  TOKEN_SIGNATURE_INVALID: 401,
  TOKEN_CLAIM_INVALID: 401,
  TOKEN_EXPIRED: 401,
  TOKEN_NOT_YET_VALID: 401,
  TOKEN_ISSUED_IN_FUTURE: 401,
  TOKEN_ISSUER_REJECTED: 401,
  TOKEN_PARTY_REJECTED: 401,
  TOKEN_AUDIENCE_REJECTED: 401,
  SESSION_PENDING: 401,
  SESSION_REVOKED: 401,
  MACHINE_TOKEN_INVALID: 401,
  USER_DELETED: 401,
  NOT_ALLOWED: 403,
  REVERIFICATION_REQUIRED: 403,
  USER_NOT_SYNCED: 404,
  CLERK_RESOURCE_NOT_FOUND: 404,
  WEBHOOK_HEADERS_INVALID: 400,
  WEBHOOK_SIGNATURE_INVALID: 400,
  WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE: 400,
  WEBHOOK_BODY_INVALID: 400,
  WEBHOOK_TOO_LARGE: 413,
  CLERK_REQUEST_INVALID: 422,
  CLERK_UNAVAILABLE: 503,
  CLERK_RATE_LIMITED: 503,
  CLERK_SECRET_KEY_REJECTED: 503,
  DATABASE_UNAVAILABLE: 503,
  BROKER_UNAVAILABLE: 503,
  CACHE_UNAVAILABLE: 503,
  OPTIONS_INVALID: 503,
};

/** An answer as RFC 9457 describes it, with the code beside its own members. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly type: string;
    readonly title: string;
    readonly status: number;
    readonly code: string;
    readonly detail: string;
    readonly clerk_error?: object;
  };
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  503: 'Service Unavailable',
};

/**
 * How an error of this library is answered over HTTP.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457 (body), https://www.rfc-editor.org/rfc/rfc6750#section-3 (WWW-Authenticate),
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 (Retry-After)
 */
export function problemOf(error: ClerkError): Problem {
  const status = STATUS_BY_CODE[error.code];
  const title = TITLES[status] ?? 'Error';
  // What is wrong with our own dependencies is for the log, not for the caller.
  const detail =
    status === 503 ? 'A service that this one depends on cannot answer now. Try again later.' : error.message;
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headersOf(error, status) },
    body: { type: 'about:blank', title, status, code: error.code, detail, ...reverificationOf(error) },
  };
}

/** What `useReverification()` of Clerk's front end looks for. Read in @clerk/backend 3.20.1, `reverificationError`. */
function reverificationOf({ reverification }: ClerkError): Pick<Problem['body'], 'clerk_error'> {
  if (reverification === undefined) return {};
  return { clerk_error: { type: 'forbidden', reason: 'reverification-error', metadata: { reverification } } };
}

function headersOf(error: ClerkError, status: number): Record<string, string> {
  if (status === 503)
    return { 'retry-after': String(Math.ceil(error.retryAfterSeconds ?? RETRY_AFTER_SECONDS)) };
  if (status !== 401) return {};
  // RFC 6750, 3.1: no error code for a request that brought no credentials.
  return { 'www-authenticate': error.code === 'TOKEN_MISSING' ? 'Bearer' : 'Bearer error="invalid_token"' };
}

/**
 * An error of this library as Nest's own kind of exception: a host's filter that knows `HttpException` answers with the right
 * status even where `ClerkExceptionFilter` does not come first.
 */
export class ClerkHttpException extends HttpException {
  constructor(readonly error: ClerkError) {
    const { body, status } = problemOf(error);
    super(body, status, { cause: error });
  }
}
