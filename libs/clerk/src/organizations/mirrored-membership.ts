/** That a user is in an organisation, as the database has it: nothing of the person but the id. */
export interface MirroredMembership {
  /** `orgmem_…`: another one when the user leaves and comes back. */
  readonly clerkId: string;
  /** `org_…` */
  readonly organizationId: string;
  /** `user_…` */
  readonly userId: string;
  /** `org:admin` */
  readonly role: string | null;
  /** `org:invoices:read` */
  readonly permissions: readonly string[];
  /** The membership's public metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** When the user joined. */
  readonly createdAt: Date;
  /** When Clerk last changed the membership. */
  readonly updatedAt: Date;
}
