import type { ClerkDatabaseConnection } from '../clerk-database.js';
import { PrismaUserMirror } from '../users/prisma-user-mirror.js';
import type { Mirror } from './mirror.js';

/** In the host's database; on a transaction, what is written commits with it. */
export function prismaMirror(connection: ClerkDatabaseConnection): Mirror {
  return { users: new PrismaUserMirror(connection) };
}
