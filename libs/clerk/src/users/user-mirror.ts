import type { MirroredUser, UserProfile } from './mirrored-user.js';
import type { SourceVersion } from './source-version.js';

export type UserLookup =
  | { readonly outcome: 'found'; readonly user: MirroredUser }
  | { readonly outcome: 'deleted'; readonly deletedAt: Date }
  | { readonly outcome: 'unknown' };

export type UserApplication =
  | { readonly outcome: 'created' | 'updated'; readonly user: MirroredUser }
  /** The tombstone is written; `id` is our id of the row that was wiped, null when the user was never seen. */
  | { readonly outcome: 'deleted'; readonly id: string | null }
  /** Nothing was written: the row is at this version or a later one, or the user is deleted. */
  | { readonly outcome: 'stale' };

/**
 * The users table that follows Clerk. Any order and any repetition of the same calls ends in the same rows.
 *
 * A write applies only if its version is greater than the row's. A delete is terminal: it leaves a tombstone (id and times,
 * personal data wiped) even when the row was never seen, and nothing brings it back.
 */
export abstract class UserMirror {
  /** @throws ClerkError DATABASE_UNAVAILABLE */
  abstract find(clerkId: string): Promise<UserLookup>;
  /** @throws ClerkError DATABASE_UNAVAILABLE */
  abstract upsert(profile: UserProfile, version: SourceVersion): Promise<UserApplication>;
  /** Applies whatever the version, once. @throws ClerkError DATABASE_UNAVAILABLE */
  abstract delete(clerkId: string, version: SourceVersion): Promise<UserApplication>;
}
