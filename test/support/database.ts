import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import {
  connectForMigrations,
  type DatabaseOptions,
} from '../../apps/api/src/database/database-connection.js';
import { applyMigrations } from '../../apps/api/src/database/migrations.js';

export interface TestDatabase {
  readonly options: DatabaseOptions;
  readonly drop: () => Promise<void>;
}

/** What the running project is on: set by `jest.config.js`. */
declare const testBackends: 'embedded' | 'services';

export const backends = testBackends;

/** A database of its own for one test file: embedded in a new directory, or a new one on the PostgreSQL server, migrated. */
export async function createTestDatabase({ isMigrated = true } = {}): Promise<TestDatabase> {
  if (backends === 'embedded') {
    const home = await mkdtemp(join(tmpdir(), 'nest-clerk-test-'));
    return {
      options: { kind: 'embedded', directory: join(home, 'database') },
      drop: () => rm(home, { recursive: true, force: true }),
    };
  }
  const name = `nest_clerk_test_${randomUUID().replaceAll('-', '')}`;
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  const options: DatabaseOptions = { kind: 'postgres', url: url.href };
  if (isMigrated) {
    const connection = await connectForMigrations(options);
    await applyMigrations(connection.adapter);
    await connection.close();
  }
  return { options, drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function onServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl() });
  await client.connect();
  await client.query(sql);
  await client.end();
}

function serverUrl(): string {
  const url = process.env['TEST_DATABASE_URL'];
  if (url === undefined) throw new Error('TEST_DATABASE_URL is not set: start the tests with npm test.');
  return url;
}
