import { ClerkError } from './clerk-error.js';
import { withDeadline } from './deadline.js';

/**
 * What the library asks of a connection: the two raw-SQL methods that every generated Prisma client (and its
 * interactive transaction client) has. PostgreSQL dialect; parameters are `$1`, `$2`, … and never interpolated.
 */
export interface ClerkDatabaseConnection {
  $queryRawUnsafe<T>(sql: string, ...parameters: unknown[]): Promise<T>;
  $executeRawUnsafe(sql: string, ...parameters: unknown[]): Promise<number>;
}

/**
 * The host's `PrismaClient`, structurally: pass the client itself. Its schema must include the library's models
 * (`clerk.prisma`). Every call on it is given a timeout by the library.
 */
export interface ClerkDatabase extends ClerkDatabaseConnection {
  $transaction<T>(
    work: (transaction: ClerkDatabaseConnection) => Promise<T>,
    options?: { maxWait?: number; timeout?: number },
  ): Promise<T>;
}

/** Below the 5 s in which a webhook must be answered, with room for the rest of the request. */
export const STATEMENT_TIMEOUT_MS = 3_500;

/**
 * The answer of one call on the database, or a failure that says the database cannot answer. A call that is given up may
 * still take effect later: what is written must be safe to write again.
 *
 * @throws ClerkError DATABASE_UNAVAILABLE when the call fails or takes longer than `timeoutMs`
 */
export async function databaseAnswer<T>(call: Promise<T>, timeoutMs = STATEMENT_TIMEOUT_MS): Promise<T> {
  try {
    return await withDeadline(call, timeoutMs, () =>
      databaseUnavailable(`gave no answer in ${timeoutMs} ms`),
    );
  } catch (cause) {
    throw cause instanceof ClerkError ? cause : databaseUnavailable('refused or failed', cause);
  }
}

function databaseUnavailable(what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'DATABASE_UNAVAILABLE',
    `The database ${what}. Check that it runs and is reachable.`,
    { cause },
  );
}
