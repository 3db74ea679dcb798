import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { backends, createTestDatabase } from './support/database.js';
import { call, until } from './support/service.js';

const root = join(import.meta.dirname, '..');
const built = (file: string) => join(root, 'dist/apps/api/apps/api/src', file);

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

const running = new Set<ChildProcess>();
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'nest-clerk-boot-'));
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await rm(home, { recursive: true, force: true });
});

/** The built service, or another entry, in an environment with nothing in it but `env`. */
function run(env: Record<string, string>, file = 'main.js', ...words: string[]): Run {
  const bare = { PATH: process.env['PATH'] ?? '', HOME: home, SANDBOX_PORT: '0', PORT: '0' };
  const child = spawn(process.execPath, [built(file), ...words], { cwd: home, env: { ...bare, ...env } });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { child, output: () => output, exit };
}

async function listening({ output, exit }: Run): Promise<string> {
  const ended = exit.then((code) => Promise.reject(new Error(`exited with ${code}: ${output()}`)));
  const url = until(
    async () => /Ready on (\S+)/.exec(output())?.[1],
    (found) => found !== undefined,
  );
  ended.catch(() => undefined);
  const found = (await Promise.race([url, ended])) ?? '';
  // It says so a moment before it listens to signals; once it answers, it does.
  await call(`${found}/health/live`);
  return found;
}

describe('the boot stops with one message', () => {
  it('in production, that names everything that is missing', async () => {
    const { output, exit } = run({ NODE_ENV: 'production' });
    expect(await exit).toBe(1);
    for (const name of [
      'CLERK_SECRET_KEY',
      'CLERK_PUBLISHABLE_KEY',
      'CLERK_WEBHOOK_SECRET',
      'DATABASE_URL',
      'REDIS_URL',
    ]) {
      expect(output()).toContain(`- ${name} is missing`);
    }
    expect(output()).not.toMatch(/\n\s+at /);
  });

  it('that names what is malformed, and never the value', async () => {
    const { output, exit } = run({
      PORT: 'topsecret1',
      DATABASE_URL: 'mysql://topsecret2',
      CHAT_API_URL: 'topsecret3',
    });
    expect(await exit).toBe(1);
    expect(output()).toMatch(/- PORT must be/);
    expect(output()).toMatch(/- DATABASE_URL must be a URL that starts with postgresql:/);
    expect(output()).toMatch(/- CHAT_API_URL must be/);
    expect(output()).not.toMatch(/topsecret|\n\s+at /);
  });

  it('that names what is wrong with Clerk, and never the value', async () => {
    const { output, exit } = run({
      CLERK_SECRET_KEY: 'topsecret1',
      CLERK_PUBLISHABLE_KEY: 'pk_test_topsecret2',
      CLERK_WEBHOOK_SECRET: 'top secret 3',
      CLERK_JWT_TTL: '-1',
      EMBEDDED_DATABASE_DIR: join(home, 'options'),
    });
    expect(await exit).toBe(1);
    for (const name of [
      'CLERK_SECRET_KEY',
      'CLERK_PUBLISHABLE_KEY',
      'CLERK_WEBHOOK_SECRET',
      'CLERK_JWT_TTL',
    ]) {
      expect(output()).toMatch(new RegExp(`- \\w+ \\(${name}\\) `));
    }
    expect(output()).not.toMatch(/topsecret|top secret/);
  }, 180_000);

  it('of one line when the port is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { output, exit } = run({ PORT: String(port), EMBEDDED_DATABASE_DIR: join(home, 'port') });
    expect(await exit).toBe(1);
    expect(output()).toContain(`\nPort ${port} is taken: stop what listens there, or set PORT to another.\n`);
    const sandbox = run({ SANDBOX_PORT: String(port), EMBEDDED_DATABASE_DIR: join(home, 'port') });
    expect(await sandbox.exit).toBe(1);
    expect(sandbox.output()).toContain(
      `\nPort ${port} for the offline Clerk is taken: set SANDBOX_PORT to another.\n`,
    );
    await new Promise((resolve) => server.close(resolve));
  }, 180_000);

  it('when the database cannot be reached', async () => {
    const { output, exit } = run({ DATABASE_URL: 'postgresql://nobody:topsecret@127.0.0.1:1/none' });
    expect(await exit).toBe(1);
    expect(output()).toMatch(/database/i);
    expect(output()).not.toMatch(/topsecret|\n\s+at /);
  }, 180_000);
});

describe('the embedded database', () => {
  it('refuses a second process, and is free again when the first has ended, even by SIGKILL', async () => {
    const env = { EMBEDDED_DATABASE_DIR: join(home, 'shared') };
    const first = run(env);
    await listening(first);
    const second = run(env);
    expect(await second.exit).toBe(1);
    expect(second.output()).toMatch(new RegExp(`in use by process ${first.child.pid}`));
    first.child.kill('SIGKILL');
    await first.exit;
    const third = run(env);
    await listening(third);
    third.child.kill('SIGTERM');
    expect(await third.exit).toBe(0);
  }, 180_000);

  it('keeps the users over a restart', async () => {
    const env = { EMBEDDED_DATABASE_DIR: join(home, 'restart') };
    const ids: string[] = [];
    for (const _start of [1, 2]) {
      const service = run(env);
      const url = await listening(service);
      const sandbox = /offline, (\S+)\/sandbox/.exec(service.output())?.[1];
      const signedIn = await call(`${sandbox}/sandbox/sign-in`, {
        body: { email: 'fiona.free@example.com' },
      });
      const answer = await call(`${url}/api/users/me`, { token: signedIn.body.token });
      ids.push(answer.body.user.id);
      service.child.kill('SIGTERM');
      expect(await service.exit).toBe(0);
    }
    expect(ids[0]).toBe(ids[1]);
  }, 180_000);
});

describe('the health of the service', () => {
  it('is live and ready, without a token', async () => {
    const service = run({ EMBEDDED_DATABASE_DIR: join(home, 'health') });
    const url = await listening(service);
    expect((await call(`${url}/health/live`)).body).toEqual({ status: 'live' });
    expect((await call(`${url}/health/ready`)).body).toMatchObject({ status: 'ready' });
    const openApi = await call(`${url}/docs-json`);
    expect(Object.keys(openApi.body.paths)).toEqual(
      expect.arrayContaining([
        '/api/users/me',
        '/api/users/sync',
        '/api/users/by-clerk/{clerkId}',
        '/api/v1/chat',
      ]),
    );
    expect((await call(`${url}/nowhere`)).body).toMatchObject({ status: 404, code: 'ROUTE_NOT_FOUND' });
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
  }, 180_000);
});

describe('at a signal', () => {
  it('the service ends soon, though a connection was opened and never used', async () => {
    const service = run({ EMBEDDED_DATABASE_DIR: join(home, 'signal') });
    const url = new URL(await listening(service));
    const spare = connect(Number(url.port), url.hostname);
    await new Promise((resolve) => spare.once('connect', resolve));
    spare.on('error', () => undefined);
    const startedAt = Date.now();
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(15_000);
  }, 180_000);
});

const onPostgres = backends === 'services' ? describe : undefined;

// Not on the embedded database: it is migrated at start.
onPostgres?.('a PostgreSQL whose schema is behind', () => {
  it('stops the boot with the command to run, which then brings it up to date', async () => {
    const database = await createTestDatabase({ isMigrated: false });
    const env = { DATABASE_URL: database.options.kind === 'postgres' ? database.options.url : '' };
    const refused = run(env);
    expect(await refused.exit).toBe(1);
    expect(refused.output()).toMatch(/behind by \d+_init(?:, \w+)*\. Run: npm run db:migrate/);

    const status = run(env, 'database/migrate.cli.js', 'status');
    expect([await status.exit, status.output()]).toEqual([
      1,
      expect.stringMatching(/^(?:unapplied \d+_\w+\n)+$/),
    ]);
    const applied = await Promise.all(
      [1, 2, 3].map(async () => {
        const migrate = run(env, 'database/migrate.cli.js', 'apply');
        expect(await migrate.exit).toBe(0);
        return migrate.output();
      }),
    );
    expect(applied.filter((output) => output.startsWith('applied '))).toHaveLength(1);

    const service = run(env);
    await listening(service);
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    await database.drop();
  }, 180_000);
});
