import { randomUUID } from 'node:crypto';

import { Client } from 'pg';

import { connectForMigrations } from '../../apps/api/src/database/database-connection.js';
import { applyMigrations } from '../../apps/api/src/database/migrations.js';

const SERVER = process.env['TEST_DATABASE_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/postgres';

/** A migrated database for one run. */
export class BenchDatabase {
  private constructor(
    private readonly name: string,
    readonly url: string,
  ) {}

  static async create(): Promise<BenchDatabase> {
    const name = `nest_clerk_bench_${randomUUID().replaceAll('-', '')}`;
    await on(SERVER, `CREATE DATABASE ${name}`);
    const url = new URL(SERVER);
    url.pathname = `/${name}`;
    const { adapter, close } = await connectForMigrations({ kind: 'postgres', url: url.href });
    await applyMigrations(adapter);
    await close();
    return new BenchDatabase(name, url.href);
  }

  /** Every contestant begins each round with the same: nothing, and nothing left to write out. */
  async empty(): Promise<void> {
    await on(this.url, 'TRUNCATE clerk_webhook_events, users, clerk_sync_runs', 'CHECKPOINT');
  }

  async count(table: 'users' | 'clerk_webhook_events'): Promise<number> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`);
    await client.end();
    return rows[0]?.count ?? 0;
  }

  drop(): Promise<void> {
    return on(SERVER, `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }
}

async function on(connectionString: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}
