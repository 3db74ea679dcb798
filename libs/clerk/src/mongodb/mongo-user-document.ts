import { isRecord } from '../unknown-record.js';
import type { MirroredUser, UserProfile } from '../users/mirrored-user.js';
import type { SourceVersion } from '../users/source-version.js';

/** A user as the collection has him. `_id` is Clerk's id, `user_…`. */
export type UserDocument = LiveUserDocument | UserTombstone;

export interface LiveUserDocument extends UserContent {
  readonly _id: string;
  readonly state: 'live';
  /** Our own id, UUID. */
  readonly id: string;
  readonly version: SourceVersion;
  readonly isInDoubt: boolean;
  /** Whether a delivery has written it. */
  readonly isAnnounced: boolean;
  /** The last call that wrote content, by which a caller knows whether it was his. */
  readonly lastWrite: { readonly id: string; readonly isNew: boolean };
}

/** What is left of a deleted user. */
interface UserTombstone {
  readonly _id: string;
  readonly state: 'deleted';
  /** When Clerk deleted the user. */
  readonly deletedAt: Date;
}

/**
 * What Clerk says. Metadata is JSON text with sorted keys: in a document, a key with `.` or `$` could be stored and not be asked for, two
 * objects would differ by the order of their keys, and a hundred levels would be too deep.
 *
 * @see https://www.mongodb.com/docs/manual/core/dot-dollar-considerations/
 * @see https://www.mongodb.com/docs/manual/reference/limits/
 */
export interface UserContent extends Omit<UserProfile, 'clerkId' | 'metadata'> {
  readonly metadataJson: string;
}

/** Field by field: what else the given object has is not stored. */
export function contentOf(profile: UserProfile): UserContent {
  return {
    email: profile.email,
    firstName: profile.firstName,
    lastName: profile.lastName,
    username: profile.username,
    imageUrl: profile.imageUrl,
    isActive: profile.isActive,
    metadataJson: JSON.stringify(sortedByKey(profile.metadata)),
    createdAt: profile.createdAt,
    updatedAt: profile.updatedAt,
  };
}

export function userOf(document: LiveUserDocument): MirroredUser {
  const metadata: unknown = JSON.parse(document.metadataJson);
  return {
    id: document.id,
    clerkId: document._id,
    email: document.email,
    firstName: document.firstName,
    lastName: document.lastName,
    username: document.username,
    imageUrl: document.imageUrl,
    isActive: document.isActive,
    metadata: isRecord(metadata) ? metadata : {},
    createdAt: document.createdAt,
    updatedAt: document.updatedAt,
  };
}

function sortedByKey(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedByKey);
  if (!isRecord(value)) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sortedByKey(member)]));
}
