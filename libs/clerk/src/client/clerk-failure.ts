import { isClerkAPIResponseError } from '@clerk/backend/errors';

import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';

/** Clerk asks for a pause in seconds; anything longer than an hour is not a pause. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

const CODE_BY_STATUS: Readonly<Record<number, ClerkErrorCode>> = {
  401: 'CLERK_SECRET_KEY_REJECTED',
  404: 'CLERK_RESOURCE_NOT_FOUND',
  408: 'CLERK_UNAVAILABLE',
  429: 'CLERK_RATE_LIMITED',
};

/**
 * What a failed call of the official client means. `what` names the call, and appears in the message.
 *
 * The client reports a network failure as an API error without a status, and a proxy's HTML as a syntax error.
 */
export function toClerkError(cause: unknown, what: string): ClerkError {
  if (cause instanceof ClerkError) return cause;
  if (!isClerkAPIResponseError(cause)) return fromClientError(cause, what);
  const code = codeOf(cause.status);
  const reasons = cause.errors.map(({ code, meta }) => [code, meta?.paramName].filter(Boolean).join(' '));
  const retryAfterSeconds =
    typeof cause.retryAfter === 'number' && cause.retryAfter >= 0
      ? Math.min(cause.retryAfter, RETRY_AFTER_SECONDS_MAX)
      : undefined;
  return new ClerkError(
    code,
    `Clerk ${explanations[code] ?? 'could not be asked'} (${what}${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}).`,
    { cause, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
  );
}

const explanations: Partial<Readonly<Record<ClerkErrorCode, string>>> = {
  CLERK_REQUEST_INVALID: 'refused the arguments',
  CLERK_RESOURCE_NOT_FOUND: 'has no such thing',
  CLERK_RATE_LIMITED: 'asks for a pause',
  CLERK_SECRET_KEY_REJECTED: 'refused the secret key: set CLERK_SECRET_KEY to that of this instance',
};

function codeOf(status: number | undefined): ClerkErrorCode {
  if (status === undefined || status >= 500 || status < 400) return 'CLERK_UNAVAILABLE';
  return CODE_BY_STATUS[status] ?? 'CLERK_REQUEST_INVALID';
}

/** The client throws a plain Error for an empty id or a missing key, before any request; others are failures of the network. */
function fromClientError(cause: unknown, what: string): ClerkError {
  const message = cause instanceof Error ? cause.message : '';
  if (/valid resource ID/i.test(message)) {
    return new ClerkError('CLERK_REQUEST_INVALID', `An id is missing (${what}).`, { cause });
  }
  if (/secret key/i.test(message)) {
    return new ClerkError(
      'CLERK_SECRET_KEY_REJECTED',
      `There is no secret key to call Clerk with (${what}). Set CLERK_SECRET_KEY.`,
      { cause },
    );
  }
  return new ClerkError('CLERK_UNAVAILABLE', `Clerk could not be asked (${what}).`, { cause });
}
