/** A Clerk organisation as the database has it. */
export interface MirroredOrganization {
  /** `org_…` */
  readonly clerkId: string;
  readonly name: string | null;
  readonly slug: string | null;
  readonly imageUrl: string | null;
  /** Clerk's public metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** When Clerk created the organisation. */
  readonly createdAt: Date;
  /** When Clerk last changed the organisation. */
  readonly updatedAt: Date;
}
