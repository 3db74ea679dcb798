import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, DatabaseError } from 'pg';

import { connectForMigrations } from '../apps/api/src/database/database-connection.js';
import { applyMigrations } from '../apps/api/src/database/migrations.js';
import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { withAuth } from '../apps/api/src/database/with-auth.js';
import { hasPostgresServer, PostgresServer } from './support/postgres-server.js';
import { createMirroredUser } from './support/mirrored-user.js';
import { until } from './support/service.js';
import { sqlStatements } from './support/sql-statements.js';

const FOLDER = join(import.meta.dirname, '..', 'prisma', 'migrations');
const MIGRATIONS = readdirSync(FOLDER)
  .filter((name) => /^\d/.test(name))
  .sort();
const ROW_LEVEL_SECURITY = MIGRATIONS.find((name) => name.endsWith('_row_level_security')) ?? '';

const PSQL = 'psql';
const hasPsql = spawnSync(PSQL, ['--version']).status === 0;
if (process.env['CI'] && !(hasPsql && hasPostgresServer)) {
  throw new Error('CI needs psql, initdb and pg_ctl: install the client and the server of PostgreSQL.');
}
if (!hasPsql) process.stderr.write('No psql here: tests that apply the migrations by it are skipped.\n');

// Roles are the server's: these tests have servers of their own.
const onServer = hasPostgresServer ? describe : describe.skip;
const withPsql = hasPsql ? describe : describe.skip;

let server: PostgresServer;
const clients: Client[] = [];

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  clients.push(client);
  return client;
}

async function ask<Row>(client: Client, sql: string, values: unknown[] = []): Promise<Row | undefined> {
  return (await client.query(sql, values)).rows[0];
}

/** A new database of `owner`, and the URL by which he connects. */
async function createDatabase(owner = 'postgres'): Promise<string> {
  const name = `rls_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(await server.createDatabase(name));
  const admin = await connected(server.urlOf(name));
  await admin.query(`ALTER DATABASE ${name} OWNER TO ${owner}`);
  url.username = owner;
  return url.href;
}

async function migrate(url: string): Promise<readonly string[]> {
  const { adapter, close } = await connectForMigrations({ kind: 'postgres', url });
  return applyMigrations(adapter).finally(close);
}

function psql(url: string, migration: string): void {
  const file = join(FOLDER, migration, 'migration.sql');
  const run = spawnSync(PSQL, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', url, '-f', file], {
    encoding: 'utf8',
  });
  // Of what is there already it may say so.
  const problems = run.stderr.split('\n').filter((line) => line !== '' && !line.includes('NOTICE:'));
  expect({ migration, status: run.status, problems }).toEqual({ migration, status: 0, problems: [] });
}

/** What a user sees and may not do, in a database that `url` opens. */
async function expectToHold(url: string): Promise<void> {
  const prisma = await PrismaService.open({ kind: 'postgres', url });
  try {
    const [ada, ben] = [await createMirroredUser(prisma), await createMirroredUser(prisma)];
    for (const { clerkId: clerkUserId } of [ada, ben]) {
      await prisma.conversation.create({ data: { clerkUserId, title: clerkUserId } });
      await prisma.assessmentAttempt.create({
        data: { clerkUserId, assessment: 'x', correct: 1, total: 1, isPassed: true },
      });
    }
    const own = prisma.$extends(withAuth({ userId: ada.clerkId }));
    expect(await own.conversation.findMany()).toMatchObject([{ title: ada.clerkId }]);
    expect(await own.assessmentAttempt.count()).toBe(1);
    await expect(own.assessmentAttempt.updateMany({ data: { correct: 0 } })).rejects.toThrow('42501');
    await expect(own.conversation.create({ data: { clerkUserId: ben.clerkId, title: 'x' } })).rejects.toThrow(
      '42501',
    );
    await own.conversation.create({ data: { clerkUserId: ada.clerkId, title: 'x' } });
    await expect(own.user.findMany()).rejects.toThrow('42501');
    expect(await prisma.conversation.count()).toBe(3);
  } finally {
    await prisma.onApplicationShutdown();
  }
}

async function removeServer(): Promise<void> {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await server.remove();
}

onServer('the migration of row level security, on a server that knows nothing of it', () => {
  beforeEach(async () => {
    server = await PostgresServer.start();
  }, 90_000);

  afterEach(removeServer);

  it('finds that another database made the role meanwhile, and goes on', async () => {
    const [url, other] = [await createDatabase(), await connected(await createDatabase())];
    await other.query('BEGIN');
    await other.query('CREATE ROLE authenticated NOLOGIN NOINHERIT');
    const migrating = migrate(url);
    const watcher = await connected(server.urlOf('postgres'));
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%CREATE ROLE%'`;
    await until(
      () => ask<{ n: number }>(watcher, waiting),
      (found) => (found?.n ?? 0) > 0,
    );
    await other.query('COMMIT');
    expect(await migrating).toContain(ROW_LEVEL_SECURITY);
    await expectToHold(url);
  });

  it('applies as an owner who is no superuser, and holds for him', async () => {
    const admin = await connected(server.urlOf('postgres'));
    await admin.query('CREATE ROLE plain_owner LOGIN CREATEROLE');
    const url = await createDatabase('plain_owner');
    await migrate(url);
    await expectToHold(url);
  });
});

onServer('guide Row level security: the migration', () => {
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 90_000);

  afterAll(removeServer);

  it('applies at the same time in several databases of one server', async () => {
    const urls = await Promise.all(Array.from({ length: 4 }, () => createDatabase()));
    const applied = await Promise.all(urls.map(migrate));
    expect(applied).toEqual(urls.map(() => MIGRATIONS));
  });

  it("shows nobody another's row after any of its statements, each of which psql commits", async () => {
    const client = await connected(await createDatabase());
    const run = async (migration: string, after: () => Promise<void>) => {
      const script = readFileSync(join(FOLDER, migration, 'migration.sql'), 'utf8');
      for (const statement of sqlStatements(script)) {
        await client.query(statement);
        await after();
      }
    };
    for (const name of MIGRATIONS.filter((each) => each < ROW_LEVEL_SECURITY)) {
      await run(name, () => Promise.resolve());
    }
    await client.query(ROWS_OF_BEN);
    let asked = 0;
    await run(ROW_LEVEL_SECURITY, async () => {
      for (const table of OWN_TABLES) expect(await rowsSeenByAda(client, table)).toEqual([]);
      asked += 1;
    });
    expect(asked).toBeGreaterThan(20);
    await client.query(`UPDATE ratings SET rater_clerk_id = 'user_ada'`);
    expect(await rowsSeenByAda(client, 'ratings')).toHaveLength(1);
  });

  withPsql('by psql', () => {
    it('applies to an empty database, and again to its own result', async () => {
      const url = await createDatabase();
      for (const migration of MIGRATIONS) psql(url, migration);
      psql(url, ROW_LEVEL_SECURITY);
      const client = await connected(url);
      const policies = await ask(client, `SELECT count(*)::int AS n FROM pg_policies`);
      expect(policies).toEqual({ n: 5 });
    });

    it('applies unchanged to a database of Supabase, leaves what is there as it is, and shuts its API out', async () => {
      const admin = await connected(server.urlOf('postgres'));
      await admin.query(SUPABASE_ROLES);
      const url = await createDatabase('supabase_postgres');
      const inside = new URL(url);
      inside.username = 'postgres';
      const owner = await connected(inside.href);
      await owner.query(SUPABASE_OBJECTS);
      const before = await ask(owner, JWT_FUNCTION);

      for (const migration of MIGRATIONS) psql(url, migration);
      psql(url, ROW_LEVEL_SECURITY);

      expect(await ask(owner, JWT_FUNCTION)).toEqual(before);
      // What its REST API may do as a visitor, and as somebody who is signed in.
      const may = `SELECT
      bool_or(has_table_privilege('anon', oid, 'SELECT, INSERT, UPDATE, DELETE')) AS anon,
      array_agg(relname::text ORDER BY relname) FILTER (WHERE has_table_privilege('authenticated', oid, 'INSERT, UPDATE, DELETE')) AS writes
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`;
      expect(await ask(owner, may)).toEqual({
        anon: false,
        writes: ['chat_messages', 'conversations', 'ratings'],
      });
      const client = await connected(url);
      await client.query(
        `INSERT INTO conversations (clerk_user_id, title) VALUES ('user_ada', 'a'), ('user_ben', 'b')`,
      );
      await client.query('BEGIN');
      await client.query(
        `SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{"sub":"user_ada"}', true)`,
      );
      expect((await client.query('SELECT title FROM conversations')).rows).toEqual([{ title: 'a' }]);
    });
  });

  describe('and the service', () => {
    const open = async (url: string) => {
      const prisma = await PrismaService.open({ kind: 'postgres', url });
      await prisma.onApplicationShutdown();
    };

    it('does not start as a role that sees no rows or may not act as users, and says what to run', async () => {
      const url = new URL(await createDatabase());
      await migrate(url.href);
      const admin = await connected(url.href);
      await admin.query(`CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA public TO guest;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest`);
      url.username = 'guest';
      await expect(open(url.href)).rejects.toThrow('ALTER ROLE guest BYPASSRLS');
      await admin.query('ALTER TABLE conversations OWNER TO guest');
      await expect(open(url.href)).rejects.toThrow('ALTER ROLE guest BYPASSRLS');
      await admin.query('ALTER TABLE conversations OWNER TO postgres');
      await admin.query('ALTER ROLE guest BYPASSRLS');
      await expect(open(url.href)).rejects.toThrow('GRANT authenticated TO guest');
      await admin.query('GRANT authenticated TO guest');
      await expectToHold(url.href);
    });
  });
});

const OWN_TABLES = ['ratings', 'conversations', 'chat_messages', 'assessment_attempts', 'certificates'];

const ROWS_OF_BEN = `
INSERT INTO ratings (errand_id, role, rater_clerk_id, rated_clerk_id, stars, updated_at) VALUES ('e1', 'runner', 'user_ben', 'user_cay', 5, now());
WITH c AS (INSERT INTO conversations (clerk_user_id, title) VALUES ('user_ben', 'b') RETURNING id)
INSERT INTO chat_messages (conversation_id, clerk_user_id, role, content) SELECT id, 'user_ben', 'user', 'secret' FROM c;
INSERT INTO assessment_attempts (assessment, clerk_user_id, correct, total, is_passed) VALUES ('x', 'user_ben', 1, 1, true);
INSERT INTO certificates (code, assessment, clerk_user_id) VALUES ('c', 'x', 'user_ben');`;

/** None where she may not even ask, and where there is no such role yet. */
async function rowsSeenByAda(client: Client, table: string): Promise<unknown[]> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{"sub":"user_ada"}'`);
    return (await client.query(`SELECT * FROM ${table}`)).rows;
  } catch (error) {
    // 42501: refused; 22023: no such role. https://www.postgresql.org/docs/current/errcodes-appendix.html
    if (error instanceof DatabaseError && ['42501', '22023'].includes(error.code ?? '')) return [];
    throw error;
  } finally {
    await client.query('ROLLBACK');
  }
}

const JWT_FUNCTION = `SELECT p.prosrc, p.proowner::regrole::text AS owner, n.nspowner::regrole::text AS "schemaOwner", n.nspacl::text AS acl
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = 'auth.jwt()'::regprocedure`;

// As Supabase sets up a project, where `postgres` is no superuser: roles, `auth.jwt()` and what new tables are given to.
// https://supabase.com/docs/guides/database/postgres/roles and /guides/api/securing-your-api (read 2026-11-21)
const SUPABASE_ROLES = `
CREATE ROLE anon NOLOGIN NOINHERIT;
DO $$ BEGIN CREATE ROLE authenticated NOLOGIN NOINHERIT; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE supabase_auth_admin NOLOGIN NOINHERIT CREATEROLE;
CREATE ROLE supabase_postgres LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS;
GRANT anon, authenticated, service_role TO supabase_postgres;`;

const SUPABASE_OBJECTS = `
CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, supabase_postgres;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
ALTER FUNCTION auth.jwt() OWNER TO supabase_auth_admin;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE supabase_postgres IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;`;
