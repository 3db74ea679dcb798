import { sourceTimesOf } from '../mirror/source-times.js';
import type { UserProfile } from './mirrored-user.js';
import { storableJson, textOrNull } from './storable-json.js';
import { isRecord, type UnknownRecord } from '../unknown-record.js';

/**
 * The profile in a Clerk user object: `data` of `user.created` and `user.updated`, or `raw` of the SDK's `User`. Null when
 * it is not one (no `user_…` id, or no time at all).
 *
 * A missing `updated_at` counts as `timestampMs` (the envelope's), a missing `created_at` as `updated_at`.
 *
 * @see https://clerk.com/docs/reference/backend/types/backend-user
 */
export function parseClerkUser(json: unknown, timestampMs?: number): UserProfile | null {
  if (!isRecord(json)) return null;
  const user = storableJson(json);
  if (!isRecord(user)) return null;
  const clerkId = textOrNull(user['id']);
  const times = sourceTimesOf(user, timestampMs);
  if (clerkId === null || !clerkId.startsWith('user_') || times === null) return null;
  return {
    clerkId,
    email: primaryEmailOf(user),
    firstName: textOrNull(user['first_name']),
    lastName: textOrNull(user['last_name']),
    username: textOrNull(user['username']),
    imageUrl: textOrNull(user['image_url']),
    isActive: !INACTIVE_FLAGS.some((flag) => user[flag] === true),
    metadata: isRecord(user['public_metadata']) ? user['public_metadata'] : {},
    ...times,
  };
}

const INACTIVE_FLAGS = ['banned', 'locked', 'deprovisioned'] as const;

/** The address that `primary_email_address_id` names; another address of the user is never taken for it. */
function primaryEmailOf(user: UnknownRecord): string | null {
  const primaryId = textOrNull(user['primary_email_address_id']);
  const addresses: readonly unknown[] = Array.isArray(user['email_addresses']) ? user['email_addresses'] : [];
  const primary = addresses.find(
    (address): address is UnknownRecord =>
      primaryId !== null && isRecord(address) && address['id'] === primaryId,
  );
  return textOrNull(primary?.['email_address']);
}
