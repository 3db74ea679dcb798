import { isDeepStrictEqual } from 'node:util';

import type { MirroredUser, UserProfile } from '../users/mirrored-user.js';

/** A row of the users table as a comparison with Clerk needs it. */
export interface UserRow extends MirroredUser {
  readonly deletedAt: Date | null;
  /** Counts the writes. */
  readonly revision: number;
}

/**
 * How a row stands to what Clerk says now.
 *
 * `tied`: the same version with other content, so that neither is known to be newer. `ahead`: the row is newer, because a webhook
 * was faster or Clerk answered from a copy that lags. `deleted`: a tombstone, which stays.
 */
export type UserDrift = 'missing' | 'behind' | 'tied' | 'same' | 'ahead' | 'deleted';

export function driftOf(profile: UserProfile, row: UserRow | undefined): UserDrift {
  if (row === undefined) return 'missing';
  if (row.deletedAt !== null) return 'deleted';
  const differenceMs = profile.updatedAt.getTime() - row.updatedAt.getTime();
  if (differenceMs > 0) return 'behind';
  if (differenceMs < 0) return 'ahead';
  return isSameContent(profile, row) ? 'same' : 'tied';
}

function isSameContent(profile: UserProfile, row: UserRow): boolean {
  return (
    profile.email === row.email &&
    profile.firstName === row.firstName &&
    profile.lastName === row.lastName &&
    profile.username === row.username &&
    profile.imageUrl === row.imageUrl &&
    profile.isActive === row.isActive &&
    isDeepStrictEqual(profile.metadata, row.metadata)
  );
}
