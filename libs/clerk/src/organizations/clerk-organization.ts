import { sourceTimesOf } from '../mirror/source-times.js';
import { isJsonObject, parseStorableJson, textOrNull } from '../users/storable-json.js';
import type { MirroredOrganization } from './mirrored-organization.js';

/**
 * The organisation in a Clerk object: `data` of `organization.created` and `organization.updated`, or `raw` of the SDK's
 * `Organization`. Null when it is not one (no `org_…` id, or no time at all). Missing times: as in `parseClerkUser`.
 *
 * @see https://clerk.com/docs/reference/backend/types/backend-organization
 */
export function parseClerkOrganization(json: unknown, timestampMs?: number): MirroredOrganization | null {
  if (!isJsonObject(json)) return null;
  const organization = parseStorableJson(JSON.stringify(json));
  if (!isJsonObject(organization)) return null;
  const clerkId = textOrNull(organization['id']);
  const times = sourceTimesOf(organization, timestampMs);
  if (clerkId === null || !clerkId.startsWith('org_') || times === null) return null;
  const metadata = organization['public_metadata'];
  return {
    clerkId,
    name: textOrNull(organization['name']),
    slug: textOrNull(organization['slug']),
    imageUrl: textOrNull(organization['image_url']),
    metadata: isJsonObject(metadata) ? metadata : {},
    ...times,
  };
}
