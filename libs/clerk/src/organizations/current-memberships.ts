import { isLaterCreated } from '../mirror/latest-created.js';
import type { MirroredMembership } from './mirrored-membership.js';

/**
 * One membership for each user and organisation: of several, the one created last. A user who left and came back has two rows
 * for as long as the end of the first has not arrived.
 */
export function currentMemberships(
  memberships: readonly MirroredMembership[],
): readonly MirroredMembership[] {
  const current = new Map<string, MirroredMembership>();
  for (const membership of memberships) {
    const key = JSON.stringify([membership.organizationId, membership.userId]);
    if (isLaterCreated(membership, current.get(key))) current.set(key, membership);
  }
  return [...current.values()];
}
