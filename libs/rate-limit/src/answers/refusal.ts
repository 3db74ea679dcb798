/** Why a call is refused. Stable: part of the public API. */
export type RefusalCode = 'RATE_LIMITED' | 'RATE_LIMIT_UNAVAILABLE';

/** The body of a refusal, `application/problem+json`. https://www.rfc-editor.org/rfc/rfc9457 */
export interface RefusalBody {
  readonly type: string;
  readonly title: string;
  readonly status: 429 | 503;
  readonly code: RefusalCode;
  readonly detail: string;
  /** For 429: names of the windows that the request did not fit into. */
  readonly 'violated-policies'?: readonly string[];
}

/**
 * A quota is spent.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10 (problem type `quota-exceeded`)
 */
export function quotaExceeded(violated: readonly string[]): RefusalBody {
  return {
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status: 429,
    code: 'RATE_LIMITED',
    detail: 'Too many requests. Try again after the time that Retry-After says.',
    'violated-policies': violated,
  };
}

/** Nobody can say now whether a quota is spent, and what is not counted is not let through. */
export const LIMITER_UNAVAILABLE: RefusalBody = {
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  code: 'RATE_LIMIT_UNAVAILABLE',
  detail: 'Requests cannot be counted now. Try again after the time that Retry-After says.',
};
