import type { MirroredMembership } from '../organizations/mirrored-membership.js';
import type { MirroredOrganization } from '../organizations/mirrored-organization.js';
import type { MirroredSubscription } from '../subscriptions/mirrored-subscription.js';
import type { UserProfile } from '../users/mirrored-user.js';

type ColumnType = 'text' | 'boolean' | 'object' | 'list' | 'time';

/** A table whose rows go when a row of `table` goes that `field` names. */
interface Owner {
  readonly field: string;
  readonly table: string;
}

/** One table that follows Clerk. `clerkId` is the key of each, and not listed. */
export interface MirrorTable<Content extends { readonly clerkId: string }> {
  readonly name: string;
  readonly columns: Readonly<Record<Exclude<keyof Content & string, 'clerkId'>, ColumnType>>;
  readonly owners: readonly Owner[];
  /** Whether its rows have an id of ours beside Clerk's. */
  readonly hasOwnId: boolean;
}

const TIMES = { createdAt: 'time', updatedAt: 'time' } as const;

export const USERS: MirrorTable<UserProfile> = {
  name: 'users',
  columns: {
    email: 'text',
    firstName: 'text',
    lastName: 'text',
    username: 'text',
    imageUrl: 'text',
    isActive: 'boolean',
    metadata: 'object',
    ...TIMES,
  },
  owners: [],
  hasOwnId: true,
};

export const ORGANIZATIONS: MirrorTable<MirroredOrganization> = {
  name: 'organizations',
  columns: { name: 'text', slug: 'text', imageUrl: 'text', metadata: 'object', ...TIMES },
  owners: [],
  hasOwnId: false,
};

export const MEMBERSHIPS: MirrorTable<MirroredMembership> = {
  name: 'organization_memberships',
  columns: {
    organizationId: 'text',
    userId: 'text',
    role: 'text',
    permissions: 'list',
    metadata: 'object',
    ...TIMES,
  },
  owners: [
    { field: 'organizationId', table: ORGANIZATIONS.name },
    { field: 'userId', table: USERS.name },
  ],
  hasOwnId: false,
};

export const SUBSCRIPTIONS: MirrorTable<MirroredSubscription> = {
  name: 'subscriptions',
  columns: { ownerId: 'text', planSlug: 'text', status: 'text', ...TIMES },
  owners: [
    { field: 'ownerId', table: ORGANIZATIONS.name },
    { field: 'ownerId', table: USERS.name },
  ],
  hasOwnId: false,
};

/** Tables with rows that go when a row of `table` goes, and the field that names it. */
export function tablesOwnedBy(table: string): readonly Owner[] {
  return [MEMBERSHIPS, SUBSCRIPTIONS].flatMap(({ name, owners }) =>
    owners.filter((owner) => owner.table === table).map(({ field }) => ({ field, table: name })),
  );
}

/** What is left of the content in a tombstone, beside the times. */
export const WIPED: Readonly<Record<Exclude<ColumnType, 'time'>, unknown>> = {
  text: null,
  boolean: false,
  object: {},
  list: [],
};
