import { ClerkError } from '../clerk-error.js';

/** What an id stands for, as its prefix says. */
export type ClerkIdKind = 'user' | 'sess' | 'org' | 'orgmem';

/** A prefix and a KSUID, as Clerk writes them; far longer than any. */
const FORMS: Readonly<Record<ClerkIdKind, RegExp>> = {
  user: /^user_[A-Za-z0-9]{1,64}$/,
  sess: /^sess_[A-Za-z0-9]{1,64}$/,
  org: /^org_[A-Za-z0-9]{1,64}$/,
  orgmem: /^orgmem_[A-Za-z0-9]{1,64}$/,
};

export function isClerkId(kind: ClerkIdKind, id: unknown): id is string {
  return typeof id === 'string' && FORMS[kind].test(id);
}

/**
 * Before an id becomes part of a path: with `..`, `/` or `?` in it another thing would be asked for, or nothing and in vain.
 *
 * @throws ClerkError CLERK_REQUEST_INVALID when `id`, which may be a caller's, is no id of this kind
 */
export function requireClerkId(kind: ClerkIdKind, id: unknown): void {
  if (isClerkId(kind, id)) return;
  throw new ClerkError('CLERK_REQUEST_INVALID', `That is no id of the form ${kind}_… that Clerk uses.`);
}
