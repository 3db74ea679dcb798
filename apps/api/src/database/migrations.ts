import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';

import { projectDirectory } from './project-files.js';
import { withSchemaEngine } from './schema-engine.js';

const SCHEMA = join(projectDirectory, 'prisma', 'schema');
const MIGRATIONS = join(projectDirectory, 'prisma', 'migrations');
/** What the engine writes when there is nothing to change. */
const NO_CHANGE = '-- This is an empty migration.';
const NO_FILTER = { externalTables: [], externalEnums: [] };

type Adapter = SqlMigrationAwareDriverAdapterFactory;

export interface MigrationStatus {
  /** Migrations of this checkout that the database does not have, oldest first. */
  readonly unapplied: readonly string[];
  /** Migrations that broke off half-way: somebody has to look. */
  readonly failed: readonly string[];
  /** Migrations that the database has and this checkout does not: it is older than the database. */
  readonly unknown: readonly string[];
  /** Migrations whose file was changed after it was applied. */
  readonly edited: readonly string[];
}

/** Applies what is missing, in order. Safe to call at several places at once. @returns the names applied */
export async function applyMigrations(adapter: Adapter): Promise<readonly string[]> {
  const migrationsList = await readMigrations();
  const { appliedMigrationNames } = await withSchemaEngine(adapter, (engine) =>
    engine.applyMigrations({ migrationsList, filters: NO_FILTER }),
  );
  return appliedMigrationNames;
}

/** Compares the database with the files. Changes nothing. */
export async function migrationStatus(adapter: Adapter): Promise<MigrationStatus> {
  const migrationsList = await readMigrations();
  const found = await withSchemaEngine(adapter, (engine) =>
    engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters: NO_FILTER }),
  );
  const { history } = found;
  return {
    unapplied:
      history !== null && 'unappliedMigrationNames' in history ? history.unappliedMigrationNames : [],
    unknown:
      history !== null && 'unpersistedMigrationNames' in history ? history.unpersistedMigrationNames : [],
    failed: found.failedMigrationNames,
    edited: found.editedMigrationNames,
  };
}

/** The SQL from what the migrations make to what the schema says. `empty` is a database with nothing in it. */
export async function schemaChange(empty: Adapter): Promise<string> {
  const migrationsList = await readMigrations();
  const files = await readSchema();
  return withSchemaEngine(empty, async (engine) => {
    await engine.applyMigrations({ migrationsList, filters: NO_FILTER });
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: projectDirectory },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: NO_FILTER,
    });
    const sql = stdout ?? '';
    return sql.trim() === NO_CHANGE ? '' : sql;
  });
}

/** Writes a migration under today's time. @returns its folder's name */
export async function writeMigration(name: string, sql: string, now = new Date()): Promise<string> {
  const stamp = now.toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = `${stamp}_${name}`;
  await mkdir(join(MIGRATIONS, folder), { recursive: true });
  await writeFile(join(MIGRATIONS, folder, 'migration.sql'), sql);
  return folder;
}

async function readMigrations() {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return {
    baseDir: MIGRATIONS,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(join(MIGRATIONS, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(names.sort().map(readMigration)),
  };
}

async function readMigration(path: string) {
  const value = await readFile(join(MIGRATIONS, path, 'migration.sql'), 'utf8');
  return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
}

async function readSchema() {
  const names = (await readdir(SCHEMA)).filter((name) => name.endsWith('.prisma'));
  return Promise.all(
    names.map(async (name) => ({
      path: join(SCHEMA, name),
      content: await readFile(join(SCHEMA, name), 'utf8'),
    })),
  );
}
