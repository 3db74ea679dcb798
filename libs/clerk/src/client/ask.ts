import { ClerkError } from '../clerk-error.js';
import { toClerkError } from './clerk-failure.js';
import { withDeadline } from '../deadline.js';

/** What became of one request. */
export type Answer<T> =
  | { readonly outcome: 'answered'; readonly value: T }
  | { readonly outcome: 'failed'; readonly error: ClerkError };

export interface Question<T> {
  /** Names the call in messages. */
  readonly what: string;
  readonly request: () => Promise<T>;
  /** Longest wait for the answer, milliseconds. */
  readonly timeoutMs: number;
}

/** Makes one request of the official client, which knows no timeout. Never rejects. */
export async function ask<T>({ what, request, timeoutMs }: Question<T>): Promise<Answer<T>> {
  const late = () =>
    new ClerkError('CLERK_UNAVAILABLE', `Clerk gave no answer in ${timeoutMs} ms (${what}).`);
  try {
    return { outcome: 'answered', value: requireJson(await withDeadline(request(), timeoutMs, late), what) };
  } catch (cause) {
    return { outcome: 'failed', error: toClerkError(cause, what) };
  }
}

/** The client hands a body of any type but `application/json` over as text: a proxy's page would pass for a user. */
function requireJson<T>(answer: T, what: string): T {
  if (typeof answer === 'object' && answer !== null) return answer;
  throw new ClerkError('CLERK_UNAVAILABLE', `Clerk answered with something that is not JSON (${what}).`);
}
