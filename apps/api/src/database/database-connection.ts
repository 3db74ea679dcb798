import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { Pool, type PoolConfig } from 'pg';

import { copyTemplate } from './database-template.js';
import { lockDirectory } from './directory-lock.js';
import { isBehindPooler, statementNames } from './statement-names.js';

/** Which database: an embedded one (PGlite) in a directory, or a PostgreSQL server. */
export type DatabaseOptions =
  | { readonly kind: 'embedded'; readonly directory: string }
  | { readonly kind: 'postgres'; readonly url: string };

export interface DatabaseConnection {
  readonly adapter: SqlMigrationAwareDriverAdapterFactory;
  /** Gives back what the connection holds, after Prisma has let go of it. */
  readonly close: () => Promise<void>;
}

/** Below the 5 s in which a request must learn that the database does not answer, milliseconds. */
const CONNECT_MS_MAX = 2_000;
const STATEMENT_MS_MAX = 4_000;
const CONNECTIONS_MAX = 10;
const CONNECTION_SECONDS_MAX = 300;

/** @throws DirectoryLockedError when another process has the embedded database */
export async function connect(options: DatabaseOptions): Promise<DatabaseConnection> {
  if (options.kind === 'embedded') return connectEmbedded(options.directory);
  const pool = openPool({
    connectionString: options.url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    // For a connection that swallows what it is told, where the server's own limit never fires.
    query_timeout: STATEMENT_MS_MAX + 500,
    keepAlive: true,
    // A statement whose columns a migration has changed fails by its name until its connection is gone.
    maxLifetimeSeconds: CONNECTION_SECONDS_MAX,
  });
  const named = isBehindPooler(options.url) ? {} : { statementNameGenerator: statementNames() };
  return { adapter: new PrismaPg(pool, named), close: () => pool.end() };
}

/**
 * For migrations: one session, since the lock that keeps two of them apart is held by a session, and no limit on a
 * statement, since an index on a large table takes its time.
 */
export async function connectForMigrations(options: DatabaseOptions): Promise<DatabaseConnection> {
  if (options.kind === 'embedded') return connectEmbedded(options.directory);
  const pool = openPool({
    connectionString: options.url,
    max: 1,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    allowExitOnIdle: true,
  });
  return { adapter: new WholeScripts(pool), close: () => pool.end() };
}

/** Prisma's adapter cuts a script at every `;`, those of a function's body too. PostgreSQL takes it whole: all of it, or nothing. */
class WholeScripts extends PrismaPg {
  override async connect() {
    const adapter = await super.connect();
    adapter.executeScript = async (sql) => {
      await adapter.executeRaw({ sql, args: [], argTypes: [] });
    };
    return adapter;
  }
}

/** A database in memory with nothing in it: what a change of the schema is worked out on. */
export async function connectToEmptyDatabase(): Promise<DatabaseConnection> {
  const pglite = await PGlite.create();
  return { adapter: new PrismaPGlite(pglite), close: () => pglite.close() };
}

function openPool(config: PoolConfig): Pool {
  const pool = new Pool(config);
  // An idle connection that the server closes is replaced at the next query. Without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}

async function connectEmbedded(directory: string): Promise<DatabaseConnection> {
  const unlock = await lockDirectory(directory);
  try {
    await copyTemplate(directory);
    const pglite = await PGlite.create(directory);
    return {
      adapter: new PrismaPGlite(pglite),
      close: async () => {
        await pglite.close();
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}
