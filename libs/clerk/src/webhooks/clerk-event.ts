import type { MirroredUser } from '../users/mirrored-user.js';

/**
 * What changed in the users table: computed against the row that was there, so that a stale or repeated webhook is no event.
 * A user whom a request brought before his webhook comes as `user.updated`.
 */
export type ClerkEvent =
  | { readonly type: 'user.created'; readonly user: MirroredUser }
  | { readonly type: 'user.updated'; readonly user: MirroredUser }
  /** `userId`: our own id; null for a user who was never seen here. */
  | { readonly type: 'user.deleted'; readonly clerkId: string; readonly userId: string | null };

/** The event of one type. */
export type ClerkEventOf<Type extends ClerkEvent['type']> = Extract<ClerkEvent, { readonly type: Type }>;
