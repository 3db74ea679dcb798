import type { ClerkDatabaseConnection } from '../clerk-database.js';
import { PrismaUserMirror } from '../users/prisma-user-mirror.js';
import type { Mirror } from './mirror.js';
import { statementsOf } from './mirror-statements.js';
import { MEMBERSHIPS, ORGANIZATIONS, SUBSCRIPTIONS } from './mirror-tables.js';
import { PrismaRows } from './prisma-rows.js';

// Made once: a mirror is made for each transaction.
const ORGANIZATION_STATEMENTS = statementsOf(ORGANIZATIONS);
const MEMBERSHIP_STATEMENTS = statementsOf(MEMBERSHIPS);
const SUBSCRIPTION_STATEMENTS = statementsOf(SUBSCRIPTIONS);

/** In the host's database; on a transaction, what is written commits with it. */
export function prismaMirror(connection: ClerkDatabaseConnection): Mirror {
  return {
    users: new PrismaUserMirror(connection),
    organizations: new PrismaRows(connection, ORGANIZATION_STATEMENTS),
    memberships: new PrismaRows(connection, MEMBERSHIP_STATEMENTS),
    subscriptions: new PrismaRows(connection, SUBSCRIPTION_STATEMENTS),
  };
}
