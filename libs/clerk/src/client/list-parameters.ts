import { ClerkError } from '../clerk-error.js';
import { isClerkId } from './clerk-id.js';

/** The most that Clerk gives at once, and the most ids in one filter. https://clerk.com/docs/reference/backend-api */
export const PAGE_SIZE_MAX = 500;
export const IDS_MAX = 100;

/** What every list of users is asked with; more is Clerk's to judge. */
interface ListParameters {
  readonly limit?: unknown;
  readonly offset?: unknown;
  readonly userId?: unknown;
  readonly organizationId?: unknown;
}

/**
 * Checked before Clerk is asked: its client leaves out what is 0, so that Clerk would answer as if nothing had been said.
 *
 * @throws ClerkError CLERK_REQUEST_INVALID for a limit beyond 1–500, an offset below 0, or a filter that is not 1–100 ids (with a
 * sign before each, as Clerk takes them)
 */
export function requireListParameters({ limit, offset, userId, organizationId }: ListParameters): void {
  if (limit !== undefined && !isWhole(limit, 1, PAGE_SIZE_MAX)) throw invalid(`limit is 1–${PAGE_SIZE_MAX}`);
  if (offset !== undefined && !isWhole(offset, 0, Number.MAX_SAFE_INTEGER))
    throw invalid('offset is 0 or more');
  requireIds('user', userId);
  requireIds('org', organizationId);
}

function requireIds(kind: 'user' | 'org', ids: unknown): void {
  if (ids === undefined) return;
  const isUsable =
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.length <= IDS_MAX &&
    ids.every((id: unknown) => typeof id === 'string' && isClerkId(kind, id.replace(/^[+-]/, '')));
  if (!isUsable) throw invalid(`a filter by id is 1–${IDS_MAX} of the form ${kind}_…`);
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
}

function invalid(expected: string): ClerkError {
  return new ClerkError('CLERK_REQUEST_INVALID', `A list cannot be asked for like that: ${expected}.`);
}
