import { sourceTimesOf } from '../mirror/source-times.js';
import { storableJson, textOrNull } from '../users/storable-json.js';
import type { MirroredOrganization } from './mirrored-organization.js';
import { isRecord } from '../unknown-record.js';

/**
 * The organisation in a Clerk object: `data` of `organization.created` and `organization.updated`, or `raw` of the SDK's
 * `Organization`. Null when it is not one (no `org_…` id, or no time at all). Missing times: as in `parseClerkUser`.
 *
 * @see https://clerk.com/docs/reference/backend/types/backend-organization
 */
export function parseClerkOrganization(json: unknown, timestampMs?: number): MirroredOrganization | null {
  if (!isRecord(json)) return null;
  const organization = storableJson(json);
  if (!isRecord(organization)) return null;
  const clerkId = textOrNull(organization['id']);
  const times = sourceTimesOf(organization, timestampMs);
  if (clerkId === null || !clerkId.startsWith('org_') || times === null) return null;
  const metadata = organization['public_metadata'];
  return {
    clerkId,
    name: textOrNull(organization['name']),
    slug: textOrNull(organization['slug']),
    imageUrl: textOrNull(organization['image_url']),
    metadata: isRecord(metadata) ? metadata : {},
    ...times,
  };
}
