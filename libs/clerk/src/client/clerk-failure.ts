import { type ClerkAPIResponseError, isClerkAPIResponseError } from '@clerk/backend/errors';

import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';

/** Clerk asks for a pause in seconds; anything longer than an hour is not a pause. */
const RETRY_AFTER_SECONDS_MAX = 3_600;

/** What a refusal of Clerk's own means; any other is one of the arguments. */
const CODE_BY_STATUS: Readonly<Record<number, ClerkErrorCode>> = {
  401: 'CLERK_SECRET_KEY_REJECTED',
  // The plan, or what the key may do: ours to put right, and not our caller's.
  402: 'CLERK_SECRET_KEY_REJECTED',
  403: 'CLERK_SECRET_KEY_REJECTED',
  404: 'CLERK_RESOURCE_NOT_FOUND',
  408: 'CLERK_UNAVAILABLE',
};
/** Clerk's code for a failure of its own: with this, a status below 500 says nothing about what was asked. */
const INTERNAL_ERROR = 'internal_clerk_error';

/**
 * What a failed call of the official client means. `what` names the call, and appears in the message.
 *
 * The client reports a network failure as an API error without a status, and a proxy's HTML as a syntax error.
 */
export function toClerkError(cause: unknown, what: string): ClerkError {
  if (cause instanceof ClerkError) return cause;
  if (!isClerkAPIResponseError(cause)) return fromClientError(cause, what);
  const code = codeOf(cause);
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

/** The keys are ours to fetch: whatever is wrong with the question, it is no mistake of the caller whose token needs them. */
export function asOutage(error: ClerkError): ClerkError {
  if (['CLERK_UNAVAILABLE', 'CLERK_RATE_LIMITED', 'CLERK_SECRET_KEY_REJECTED'].includes(error.code))
    return error;
  return new ClerkError('CLERK_UNAVAILABLE', `There is no answer from Clerk to go by: ${error.message}`, {
    cause: error,
  });
}

const explanations: Partial<Readonly<Record<ClerkErrorCode, string>>> = {
  CLERK_REQUEST_INVALID: 'refused the arguments',
  CLERK_RESOURCE_NOT_FOUND: 'has no such thing',
  CLERK_RATE_LIMITED: 'asks for a pause',
  CLERK_SECRET_KEY_REJECTED:
    'refused the secret key, or what it may do: set CLERK_SECRET_KEY to that of this instance, and see to its plan',
};

function codeOf({ status, errors }: ClerkAPIResponseError): ClerkErrorCode {
  if (status === 429) return 'CLERK_RATE_LIMITED';
  if (status === undefined || status >= 500 || status < 400) return 'CLERK_UNAVAILABLE';
  if (!isClerksOwn(errors)) return 'CLERK_UNAVAILABLE';
  const isFailure = status !== 401 && errors.some(({ code }) => code === INTERNAL_ERROR);
  return isFailure ? 'CLERK_UNAVAILABLE' : (CODE_BY_STATUS[status] ?? 'CLERK_REQUEST_INVALID');
}

/**
 * Whether the body was Clerk's: a list of errors with a code and a message each. That of a proxy in between, which knows no such
 * page or lets nobody through, says nothing about what was asked.
 *
 * @see https://clerk.com/docs/guides/development/errors/overview
 */
function isClerksOwn(errors: readonly { readonly code: unknown; readonly message: unknown }[]): boolean {
  const isOwn = ({ code, message }: (typeof errors)[number]) =>
    typeof code === 'string' && /^\w+$/.test(code) && typeof message === 'string';
  return errors.length > 0 && errors.every(isOwn);
}

/** The client throws a plain Error for a bad id or a missing key, before any request; others are failures of the network. */
function fromClientError(cause: unknown, what: string): ClerkError {
  const message = cause instanceof Error ? cause.message : '';
  if (/valid resource ID|path segments/i.test(message)) {
    return new ClerkError('CLERK_REQUEST_INVALID', `An id is missing, or is none (${what}).`, { cause });
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
