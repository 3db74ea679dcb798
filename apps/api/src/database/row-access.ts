import type { PrismaClient } from '../../../../prisma/generated/client.js';

interface RowAccess {
  readonly name: string;
  readonly isBound: boolean;
  readonly mayActAsUser: boolean;
}

// Whether the policies of any table bind the role that is connected, and whether it may become that of users: from PostgreSQL 16 on, a member may not always.
const ROW_ACCESS = `SELECT quote_ident(current_user) AS name, (
    SELECT bool_or(row_security_active(name))
    FROM unnest(ARRAY['ratings', 'conversations', 'chat_messages', 'assessment_attempts', 'certificates']) AS tables (name)
  ) AS "isBound",
  pg_has_role('authenticated', CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) AS "mayActAsUser"`;

/**
 * Sees to it at boot that the service reads every row and acts as users: bound by the policies itself, it would find nothing and
 * forget nobody, without an error.
 *
 * @throws Error that says what to run
 */
export async function requireRowAccess(prisma: Pick<PrismaClient, '$queryRawUnsafe'>): Promise<void> {
  const [access] = await prisma.$queryRawUnsafe<RowAccess[]>(ROW_ACCESS);
  if (access?.isBound) {
    throw new Error(
      `Row level security hides rows from the role of DATABASE_URL. Let it own the tables, or run as a superuser: ALTER ROLE ${access.name} BYPASSRLS`,
    );
  }
  if (!access?.mayActAsUser) {
    throw new Error(
      `The role of DATABASE_URL may not act as users. Run: GRANT authenticated TO ${access?.name}`,
    );
  }
}
