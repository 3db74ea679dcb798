import type { User } from '@clerk/backend';

import { START } from '../client/all-users.js';
import type { ClerkListing } from '../client/clerk-listing.js';
import { parseClerkUser } from '../users/clerk-user.js';
import type { UserProfile } from '../users/mirrored-user.js';
import { driftOf } from './user-drift.js';
import type { UserRows } from './user-rows.js';

/** A user whom Clerk has and the database has not, or not in that state. */
export interface Drifted {
  readonly kind: 'missing' | 'behind';
  readonly profile: UserProfile;
  /** As Clerk sends it in webhooks. */
  readonly raw: object;
}

export interface ComparedPage {
  /** Users of Clerk on this page. */
  readonly seen: number;
  readonly drifted: readonly Drifted[];
  /** Rows with the version that Clerk gave and other content. */
  readonly tiedIds: readonly string[];
  /** Living rows between this page and the one before that Clerk did not list: candidates, no more. */
  readonly extraIds: readonly string[];
}

/** Compares all users of Clerk with all rows, page by page in the order of creation: what it holds does not grow with their number. */
export async function* compareUsers(
  listing: ClerkListing,
  rows: UserRows,
): AsyncGenerator<ComparedPage, void, void> {
  let fromMs = 0;
  let seen = new Map<string, number>();
  for await (const { users, next, isLast } of listing.userSteps(START)) {
    for (const { id, createdAt } of users) seen.set(id, createdAt);
    // The last millisecond of a page may go on on the next.
    const beforeMs = isLast ? null : next.reachedMs;
    const inDatabase = await rows.idsCreatedBetween(fromMs, beforeMs);
    const extraIds = inDatabase.filter((clerkId) => !seen.has(clerkId));
    yield { seen: users.length, extraIds, ...(await compare(users, rows)) };
    const reachedMs = next.reachedMs ?? fromMs;
    seen = new Map([...seen].filter(([, createdAt]) => createdAt >= reachedMs));
    fromMs = reachedMs;
  }
}

async function compare(
  users: readonly User[],
  rows: UserRows,
): Promise<Pick<ComparedPage, 'drifted' | 'tiedIds'>> {
  const found = await rows.byIds(users.map(({ id }) => id));
  const drifted: Drifted[] = [];
  const tiedIds: string[] = [];
  for (const { raw } of users) {
    const profile = parseClerkUser(raw);
    if (profile === null || raw === null) continue;
    const kind = driftOf(profile, found.get(profile.clerkId));
    if (kind === 'missing' || kind === 'behind') drifted.push({ kind, profile, raw });
    if (kind === 'tied') tiedIds.push(profile.clerkId);
  }
  return { drifted, tiedIds };
}
