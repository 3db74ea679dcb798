import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ClerkSandbox } from 'clerk-sandbox';
import { Client } from 'pg';

import { createTestDatabase, type TestDatabase } from './support/database.js';
import { plantUsers } from './support/sync.js';

// What `npx nest-clerk` starts in a project of its own: nothing of this repository's service, only a server in DATABASE_URL.
const BUILT = join(import.meta.dirname, '..', 'dist/apps/api/libs/clerk/src/cli.js');

let database: TestDatabase;
let clerk: ClerkSandbox;

beforeAll(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
  database = await createTestDatabase();
}, 90_000);

afterAll(async () => {
  await clerk.stop();
  await database.drop();
});

const url = () => (database.options.kind === 'postgres' ? database.options.url : '');

async function run(words: readonly string[], env: Record<string, string> = {}) {
  const variables = {
    CLERK_SECRET_KEY: clerk.secretKey,
    CLERK_API_URL: clerk.url,
    DATABASE_URL: url(),
    ...env,
  };
  const child = spawn(process.execPath, [BUILT, ...words], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', ...variables },
  });
  const written = { out: '', error: '' };
  child.stdout.on('data', (chunk) => (written.out += String(chunk)));
  child.stderr.on('data', (chunk) => (written.error += String(chunk)));
  const [code] = await once(child, 'close');
  return { code, ...written };
}

describe('the library’s own command line on PostgreSQL', () => {
  it('brings the users, finds what is missing, and replays', async () => {
    plantUsers(clerk, 600, { perMoment: 3 });
    const [ada = ''] = plantUsers(clerk, 1, { fromMs: Date.now() });
    clerk.organizations.create({ name: 'Shop', created_by: ada });
    const synced = await run(['sync', '--json']);
    expect([synced.code, JSON.parse(synced.out)]).toEqual([
      0,
      expect.objectContaining({
        kinds: {
          users: { seen: 601, created: 601, updated: 0 },
          organizations: { seen: 1, created: 1, updated: 0 },
          memberships: { seen: 1, created: 1, updated: 0 },
        },
      }),
    ]);
    plantUsers(clerk, 1);
    const reconciled = await run(['reconcile', '--wait', '0', '--json']);
    expect(JSON.parse(reconciled.out)).toMatchObject({ missing: 1, stale: 0, extra: 0, pending: 1 });
    const client = new Client({ connectionString: url() });
    await client.connect();
    await client.query(`UPDATE clerk_webhook_events SET status = 'dead'`);
    const replayed = JSON.parse((await run(['events', 'replay', '--dead', '--json'])).out);
    const { rows } = await client.query(`SELECT id, status FROM clerk_webhook_events`);
    await client.end();
    expect(rows).toEqual([{ id: replayed.replayed[0], status: 'pending' }]);
  }, 90_000);

  it.each([
    ['that is not there', 'postgresql://nobody:topsecret@127.0.0.1:1/none'],
    ['that is not said', ''],
  ])('fails with 1 on a database %s, and shows no password', async (_name, DATABASE_URL) => {
    const ran = await run(['events', 'list'], { DATABASE_URL });
    expect(ran).toMatchObject({ code: 1, out: '', error: expect.stringMatching(/database|DATABASE_URL/) });
    expect(ran.error).not.toContain('topsecret');
  });
});
