import { Pool, type PoolClient, type QueryResultRow } from 'pg';

import type { ClerkDatabase, ClerkDatabaseConnection } from '../clerk-database.js';

const CONNECT_MS_MAX = 2_000;

/** Ends the connections. */
export interface PgDatabase extends ClerkDatabase {
  close(): Promise<void>;
}

/** A PostgreSQL server by itself, for the command line, which has no Prisma client of the host. */
export function openPgDatabase(connectionString: string): PgDatabase {
  const pool = new Pool({ connectionString, max: 2, connectionTimeoutMillis: CONNECT_MS_MAX });
  // An idle connection that the server closes is replaced at the next query. Without a listener it would end the process.
  pool.on('error', () => undefined);
  return {
    ...onConnection(pool),
    $transaction: async (work, { timeout = 0 } = {}) => {
      const client = await pool.connect();
      try {
        return await inTransaction(client, timeout, work);
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}

async function inTransaction<T>(
  client: PoolClient,
  timeoutMs: number,
  work: (transaction: ClerkDatabaseConnection) => Promise<T>,
): Promise<T> {
  await client.query('BEGIN');
  try {
    // For one statement, where Prisma's limit is for all of them: either way nothing waits for ever.
    await client.query(`SET LOCAL statement_timeout = ${Math.max(0, Math.trunc(timeoutMs))}`);
    const result = await work(onConnection(client));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A connection that is gone has rolled back by itself; the first failure is the one to tell of.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function onConnection(connection: Pool | PoolClient): ClerkDatabaseConnection {
  return {
    // The statement says what its rows are, as with Prisma's own method.
    $queryRawUnsafe: async <T>(sql: string, ...parameters: unknown[]) =>
      (await connection.query<QueryResultRow>(sql, parameters)).rows as T,
    $executeRawUnsafe: async (sql, ...parameters) => (await connection.query(sql, parameters)).rowCount ?? 0,
  };
}
