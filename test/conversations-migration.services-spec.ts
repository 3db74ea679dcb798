import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client } from 'pg';

import { createTestDatabase, type TestDatabase } from './support/database.js';
import { until } from './support/service.js';
import { sqlStatements } from './support/sql-statements.js';

const FOLDER = join(import.meta.dirname, '..', 'prisma', 'migrations');
const MIGRATIONS = readdirSync(FOLDER)
  .filter((name) => /^\d/.test(name))
  .sort();
const CONVERSATIONS = '20261121122000_conversations';

const BEFORE = `
INSERT INTO users (id, clerk_id, is_active, created_at, updated_at, source_updated_at_ms, source_timestamp_ms, source_delivery_id, deleted_at)
SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'user_' || n, true, now(), now(), 1, 1, 'msg_1', CASE n WHEN 3 THEN now() END
FROM generate_series(1, 3) n;
INSERT INTO chat_messages (user_id, role, content, created_at) VALUES
  ('00000000-0000-4000-8000-000000000001', 'user', 'first of one', '2026-01-01T00:00:00.000Z'),
  ('00000000-0000-4000-8000-000000000001', 'assistant', 'answer', '2026-01-01T00:00:00.001Z'),
  ('00000000-0000-4000-8000-000000000001', 'user', 'second of one', '2026-01-02'),
  ('00000000-0000-4000-8000-000000000002', 'user', repeat('x', 100), '2026-01-03'),
  ('00000000-0000-4000-8000-000000000003', 'user', 'of a deleted user', '2026-01-04'),
  ('00000000-0000-4000-8000-000000000004', 'user', 'of nobody', '2026-01-05');`;

let database: TestDatabase;
const clients: Client[] = [];

async function connected(): Promise<Client> {
  const { options } = database;
  const client = new Client({ connectionString: options.kind === 'postgres' ? options.url : '' });
  await client.connect();
  clients.push(client);
  return client;
}

/** As `psql -f` does it. */
async function apply(client: Client, name: string): Promise<void> {
  const script = readFileSync(join(FOLDER, name, 'migration.sql'), 'utf8');
  for (const statement of sqlStatements(script)) await client.query(statement);
}

/** A database as it was before, with something said. */
beforeEach(async () => {
  database = await createTestDatabase({ isMigrated: false });
  const client = await connected();
  for (const name of MIGRATIONS.filter((each) => each < CONVERSATIONS)) await apply(client, name);
  await client.query(BEFORE);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await database.drop();
});

describe('the migration to conversations', () => {
  it('makes one conversation of what each user said, and drops what is of nobody', async () => {
    const client = await connected();
    await apply(client, CONVERSATIONS);
    const { rows } = await client.query(
      `SELECT c.clerk_user_id AS "user", c.title, c.created_at AS "createdAt", array_agg(m.content ORDER BY m.created_at) AS said
       FROM conversations c JOIN chat_messages m ON m.conversation_id = c.id AND m.clerk_user_id = c.clerk_user_id
       GROUP BY c.id ORDER BY c.clerk_user_id`,
    );
    expect(rows).toEqual([
      {
        user: 'user_1',
        title: 'first of one',
        createdAt: new Date('2026-01-01T00:00:00.000Z'),
        said: ['first of one', 'answer', 'second of one'],
      },
      {
        user: 'user_2',
        title: 'x'.repeat(80),
        createdAt: expect.any(Date),
        said: ['x'.repeat(100)],
      },
    ]);
    expect((await client.query('SELECT count(*)::int AS n FROM chat_messages')).rows).toEqual([{ n: 4 }]);
  });

  it('keeps what a user says for the first time while it runs', async () => {
    const [migrator, writer, watcher] = [await connected(), await connected(), await connected()];
    await writer.query(
      `UPDATE users SET deleted_at = NULL WHERE clerk_id = 'user_3'; DELETE FROM chat_messages WHERE content = 'of a deleted user'`,
    );
    await writer.query(
      `BEGIN; INSERT INTO chat_messages (user_id, role, content) VALUES ('00000000-0000-4000-8000-000000000003', 'user', 'just now')`,
    );
    const migrating = apply(migrator, CONVERSATIONS);
    const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'chat_messages'::regclass`;
    await until(
      () => watcher.query(waiting),
      ({ rowCount }) => rowCount === 1,
    );
    await writer.query('COMMIT');
    await migrating;
    const { rows } = await watcher.query(
      `SELECT m.content, c.title FROM chat_messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.clerk_user_id = 'user_3'`,
    );
    expect(rows).toEqual([{ content: 'just now', title: 'just now' }]);
  });

  it('shows the API of Supabase nothing, to whose roles new tables are given, until the policies are there', async () => {
    const client = await connected();
    await client.query(`BEGIN; CREATE ROLE rls_visitor;
      ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO rls_visitor; GRANT ALL ON chat_messages TO rls_visitor`);
    await apply(client, CONVERSATIONS);
    await client.query('SET LOCAL ROLE rls_visitor');
    for (const table of ['conversations', 'chat_messages']) {
      expect((await client.query(`SELECT * FROM ${table}`)).rows).toEqual([]);
    }
    await client.query('ROLLBACK');
  });
});
