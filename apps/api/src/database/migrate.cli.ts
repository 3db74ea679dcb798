import {
  connectForMigrations,
  connectToEmptyDatabase,
  type DatabaseConnection,
} from './database-connection.js';
import { applyMigrations, migrationStatus, schemaChange, writeMigration } from './migrations.js';
import { loadEnvFile } from '../config/env-file.js';
import { databaseOptions } from '../config/environment.js';

const USAGE = `npm run db:migrate           applies the migrations that the database lacks
npm run db:migration -- NAME  writes prisma/migrations/<time>_NAME from the schema
npm run db:status            says what the database lacks

The database is DATABASE_URL, or the embedded one in EMBEDDED_DATABASE_DIR.`;

const commands: Readonly<Record<string, () => Promise<void>>> = { apply, new: create, status };

loadEnvFile();
const command = commands[process.argv[2] ?? ''];
if (command === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    await command();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

async function apply(): Promise<void> {
  await using(connectForMigrations(databaseOptions(process.env)), async ({ adapter }) => {
    const names = await applyMigrations(adapter);
    for (const name of names) console.log(`applied ${name}`);
    if (names.length === 0) console.log('Nothing to apply: the database is up to date.');
  });
}

async function status(): Promise<void> {
  await using(connectForMigrations(databaseOptions(process.env)), async ({ adapter }) => {
    const found = await migrationStatus(adapter);
    for (const [kind, names] of Object.entries(found))
      for (const name of names) console.log(`${kind} ${name}`);
    if (Object.values(found).every((names) => names.length === 0)) console.log('Up to date.');
    else process.exitCode = 1;
  });
}

async function create(): Promise<void> {
  const name = process.argv[3] ?? '';
  if (!/^[a-z][a-z0-9_]{0,60}$/.test(name)) {
    throw new Error('Give the migration a name of a-z, 0-9 and _: npm run db:migration -- add_something');
  }
  await using(connectToEmptyDatabase(), async ({ adapter }) => {
    const sql = await schemaChange(adapter);
    if (sql.trim() === '') console.log('Nothing to write: the migrations make what the schema says.');
    else console.log(`wrote prisma/migrations/${await writeMigration(name, sql)}/migration.sql`);
  });
}

async function using(
  opening: Promise<DatabaseConnection>,
  work: (connection: DatabaseConnection) => Promise<void>,
): Promise<void> {
  const connection = await opening;
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}
