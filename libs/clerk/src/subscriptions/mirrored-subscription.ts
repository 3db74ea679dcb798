/** The subscription of a user or an organisation, as the database has it. */
export interface MirroredSubscription {
  readonly clerkId: string;
  /** `user_…` or `org_…` */
  readonly ownerId: string;
  /** The plan in force; null where there is none. */
  readonly planSlug: string | null;
  /** Clerk's word for the state of the whole: `active`, `past_due`, … */
  readonly status: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
