/** A Clerk user as the database has it. */
export interface MirroredUser {
  /** Our own id, UUID. */
  readonly id: string;
  /** `user_…` */
  readonly clerkId: string;
  /** The primary e-mail address; null when the user has none. */
  readonly email: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly username: string | null;
  readonly imageUrl: string | null;
  /** False while the user is banned or locked. */
  readonly isActive: boolean;
  /** Clerk's public metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** When Clerk created the user. */
  readonly createdAt: Date;
  /** When Clerk last changed the user. */
  readonly updatedAt: Date;
}

/** What a Clerk user object says about the person: everything of `MirroredUser` but our own id. */
export type UserProfile = Omit<MirroredUser, 'id'>;
