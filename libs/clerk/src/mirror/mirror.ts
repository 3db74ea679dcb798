import type { MirroredMembership } from '../organizations/mirrored-membership.js';
import type { MirroredOrganization } from '../organizations/mirrored-organization.js';
import type { MirroredSubscription } from '../subscriptions/mirrored-subscription.js';
import type { UserMirror } from '../users/user-mirror.js';
import type { MirroredRows } from './mirrored-rows.js';

/** Everything in the database that follows Clerk. */
export interface Mirror {
  readonly users: UserMirror;
  readonly organizations: MirroredRows<MirroredOrganization>;
  readonly memberships: MirroredRows<MirroredMembership>;
  readonly subscriptions: MirroredRows<MirroredSubscription>;
}
