import { sourceTimesOf } from '../mirror/source-times.js';
import { storableJson, textOrNull } from '../users/storable-json.js';
import type { MirroredMembership } from './mirrored-membership.js';
import { isRecord, type UnknownRecord } from '../unknown-record.js';

/**
 * The membership in a Clerk object: `data` of `organizationMembership.created` and `.updated`, or `raw` of the SDK's
 * `OrganizationMembership`. Null when it is not one (no `orgmem_…` id, no organisation, no user, or no time at all). What it
 * says of the organisation and the person themselves is left alone: it may be older than their rows.
 *
 * @see https://clerk.com/docs/reference/backend/types/backend-organization-membership
 */
export function parseClerkMembership(json: unknown, timestampMs?: number): MirroredMembership | null {
  if (!isRecord(json)) return null;
  const membership = storableJson(json);
  if (!isRecord(membership)) return null;
  const clerkId = textOrNull(membership['id']);
  const { organizationId, userId } = membershipPartiesOf(membership);
  if (!clerkId?.startsWith('orgmem_') || organizationId === null || userId === null) return null;
  const times = sourceTimesOf(membership, timestampMs);
  if (times === null) return null;
  const metadata = membership['public_metadata'];
  return {
    clerkId,
    organizationId,
    userId,
    role: textOrNull(membership['role']),
    permissions: textsIn(membership['permissions']),
    metadata: isRecord(metadata) ? metadata : {},
    ...times,
  };
}

/** Whose membership of which organisation it is; null where it does not say. */
export function membershipPartiesOf(membership: UnknownRecord): {
  readonly organizationId: string | null;
  readonly userId: string | null;
} {
  const { organization, public_user_data: person } = membership;
  return {
    organizationId: isRecord(organization) ? textOrNull(organization['id']) : null,
    userId: isRecord(person) ? textOrNull(person['user_id']) : null,
  };
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}
