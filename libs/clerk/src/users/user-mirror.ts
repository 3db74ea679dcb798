import type { MirroredRows, RowDeletion } from '../mirror/mirrored-rows.js';
import type { MirroredUser, UserProfile } from './mirrored-user.js';
import type { SourceVersion } from './source-version.js';

export type UserLookup =
  | { readonly outcome: 'found'; readonly user: MirroredUser }
  | { readonly outcome: 'deleted'; readonly deletedAt: Date }
  | { readonly outcome: 'unknown' };

export type UserUpsert =
  | { readonly outcome: 'created' | 'updated'; readonly user: MirroredUser }
  /** Nothing was written: the row is at this version or a later one, or the user is deleted. */
  | { readonly outcome: 'stale' };

/** The users table that follows Clerk, by the rules of `MirroredRows`. */
export abstract class UserMirror {
  constructor(private readonly rows: MirroredRows<UserProfile, MirroredUser>) {}

  /** @throws ClerkError DATABASE_UNAVAILABLE */
  async find(clerkId: string): Promise<UserLookup> {
    const lookup = await this.rows.find(clerkId);
    return lookup.outcome === 'found' ? { outcome: 'found', user: lookup.row } : lookup;
  }

  /** @throws ClerkError DATABASE_UNAVAILABLE */
  async upsert(profile: UserProfile, version: SourceVersion): Promise<UserUpsert> {
    const application = await this.rows.upsert(profile, version);
    return application.outcome === 'stale'
      ? application
      : { outcome: application.outcome, user: application.row };
  }

  /** Applies whatever the version, once; memberships and the subscription go too. @throws ClerkError DATABASE_UNAVAILABLE */
  delete(clerkId: string, version: SourceVersion): Promise<RowDeletion> {
    return this.rows.delete(clerkId, version);
  }

  /** Users of whom two different states claim the same time. @throws ClerkError DATABASE_UNAVAILABLE */
  listInDoubt(countMax: number): Promise<readonly string[]> {
    return this.rows.listInDoubt(countMax);
  }
}
