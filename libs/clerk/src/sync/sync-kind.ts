import { START } from '../client/all-users.js';
import { type ClerkIdKind, isClerkId } from '../client/clerk-id.js';
import type { ClerkListing } from '../client/clerk-listing.js';
import type { ListStep } from '../client/steps-by-offset.js';
import type { Mirror } from '../mirror/mirror.js';
import { MEMBERSHIPS, ORGANIZATIONS, USERS } from '../mirror/mirror-tables.js';
import { parseClerkMembership } from '../organizations/clerk-membership.js';
import { parseClerkOrganization } from '../organizations/clerk-organization.js';
import type { MirroredMembership } from '../organizations/mirrored-membership.js';
import type { MirroredOrganization } from '../organizations/mirrored-organization.js';
import { parseClerkUser } from '../users/clerk-user.js';
import type { UserProfile } from '../users/mirrored-user.js';
import type { SourceVersion } from '../users/source-version.js';

export type KindName = 'users' | 'organizations' | 'memberships';

/** What the rows of every kind have. */
export interface MirroredContent {
  readonly clerkId: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The table of a kind, as far as its columns tell kinds apart. */
export interface SyncTable {
  readonly name: string;
  readonly columns: Readonly<Record<string, 'text' | 'boolean' | 'object' | 'list' | 'time'>>;
  /** Fields that name whom a row goes with. */
  readonly owners: readonly { readonly field: string }[];
}

/**
 * One of the things that the database follows, and how Clerk is asked about it. Its functions are methods, so that a kind of some
 * content may stand among others: each is only ever given its own.
 */
export interface SyncKind<Content extends MirroredContent = MirroredContent> {
  readonly name: KindName;
  readonly idKind: ClerkIdKind;
  readonly table: SyncTable;
  /** Of `….updated` and `….deleted`. */
  readonly eventFamily: string;
  /** Null for what is none. `timestampMs`: of the envelope, for an object without times; Unix time, milliseconds. */
  parse(json: unknown, timestampMs?: number): Content | null;
  upsert(
    mirror: Mirror,
    content: Content,
    version: SourceVersion,
  ): Promise<{ readonly outcome: 'created' | 'updated' | 'stale' }>;
  count(listing: ClerkListing): Promise<number>;
  /** All of them as Clerk sends them in webhooks, in the order of creation. */
  steps(listing: ClerkListing): AsyncGenerator<ListStep<unknown>, void, void>;
  /** Ids of those that Clerk lists, of at most `IDS_MAX`. */
  listed(listing: ClerkListing, rows: readonly Content[]): Promise<readonly string[]>;
  /** By itself, not from a list of all: null when Clerk does not have it. */
  find(listing: ClerkListing, row: Content): Promise<unknown>;
  /** Whose personal data it is. */
  userIdOf(content: Content): string | null;
  /** `data` of the webhook that tells of its end. */
  deletedData(row: Content): object;
}

export const USER_KIND: SyncKind<UserProfile> = {
  name: 'users',
  idKind: 'user',
  table: USERS,
  eventFamily: 'user',
  parse: parseClerkUser,
  upsert: (mirror, profile, version) => mirror.users.upsert(profile, version),
  count: (listing) => listing.countUsers(),
  async *steps(listing) {
    for await (const { users, isLast } of listing.userSteps(START)) yield { items: rawsOf(users), isLast };
  },
  listed: (listing, rows) => listing.listedUserIds(rows.map(({ clerkId }) => clerkId)),
  find: (listing, { clerkId }) => listing.findUser(clerkId),
  userIdOf: ({ clerkId }) => clerkId,
  deletedData: ({ clerkId: id }) => ({ id, object: 'user', deleted: true }),
};

const ORGANIZATION_KIND: SyncKind<MirroredOrganization> = {
  name: 'organizations',
  idKind: 'org',
  table: ORGANIZATIONS,
  eventFamily: 'organization',
  parse: parseClerkOrganization,
  upsert: (mirror, organization, version) => mirror.organizations.upsert(organization, version),
  count: (listing) => listing.countOrganizations(),
  async *steps(listing) {
    for await (const { items, isLast } of listing.organizationSteps()) yield { items: rawsOf(items), isLast };
  },
  listed: (listing, rows) => listing.listedOrganizationIds(rows.map(({ clerkId }) => clerkId)),
  find: (listing, { clerkId }) => listing.findOrganization(clerkId),
  userIdOf: () => null,
  deletedData: ({ clerkId: id }) => ({ id, object: 'organization', deleted: true }),
};

const MEMBERSHIP_KIND: SyncKind<MirroredMembership> = {
  name: 'memberships',
  idKind: 'orgmem',
  table: MEMBERSHIPS,
  eventFamily: 'organizationMembership',
  parse: parseClerkMembership,
  upsert: (mirror, membership, version) => mirror.memberships.upsert(membership, version),
  count: (listing) => listing.countMemberships(),
  async *steps(listing) {
    for await (const { items, isLast } of listing.membershipSteps()) yield { items: rawsOf(items), isLast };
  },
  async listed(listing, rows) {
    const ids: string[] = [];
    for (const organizationId of new Set(rows.map((row) => row.organizationId))) {
      const members = rows.filter((row) => row.organizationId === organizationId);
      const userIds = [...new Set(members.map(({ userId }) => userId))];
      ids.push(...(await listing.membershipsOf(organizationId, userIds)).map(({ id }) => id));
    }
    return ids;
  },
  /** Clerk gives no membership by its id. */
  async find(listing, { clerkId, organizationId, userId }) {
    const memberships = await listing.membershipsOf(organizationId, [userId]);
    return memberships.find(({ id }) => id === clerkId)?.raw ?? null;
  },
  userIdOf: ({ userId }) => userId,
  deletedData: ({ clerkId: id, organizationId, userId }) => ({
    id,
    object: 'organization_membership',
    organization: { id: organizationId },
    public_user_data: { user_id: userId },
  }),
};

/** Owners first. */
export const SYNC_KINDS: readonly SyncKind[] = [USER_KIND, ORGANIZATION_KIND, MEMBERSHIP_KIND];

/** Something for each kind. */
export type OfEachKind<T> = Readonly<Record<KindName, T>>;

/** Ids of the owners of a row. */
export function ownersOf({ table }: SyncKind, row: MirroredContent): readonly unknown[] {
  return table.owners.map(({ field }) => Reflect.get(row, field));
}

/** Whether Clerk can be asked about a row at all: others may have written ids that are none. */
export function isAskable(kind: SyncKind, row: MirroredContent): boolean {
  if (!isClerkId(kind.idKind, row.clerkId)) return false;
  return ownersOf(kind, row).every((id) => isClerkId('user', id) || isClerkId('org', id));
}

function rawsOf(resources: readonly { readonly raw: unknown }[]): unknown[] {
  return resources.map(({ raw }) => raw);
}
