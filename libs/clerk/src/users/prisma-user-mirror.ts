import type { ClerkDatabaseConnection } from '../clerk-database.js';
import { statementsOf } from '../mirror/mirror-statements.js';
import { USERS } from '../mirror/mirror-tables.js';
import { PrismaRows } from '../mirror/prisma-rows.js';
import { UserMirror } from './user-mirror.js';

const STATEMENTS = statementsOf(USERS);

/** Users in the host's PostgreSQL database. Given a transaction, it writes in that transaction. */
export class PrismaUserMirror extends UserMirror {
  constructor(connection: ClerkDatabaseConnection) {
    super(new PrismaRows(connection, STATEMENTS));
  }
}
