import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ClerkSandbox, createWebhookSecret, SEEDED_MACHINE_SECRETS } from 'clerk-sandbox';
import { runCommandLine } from 'nest-clerk';

import { PrismaService } from '../apps/api/src/database/prisma.service.js';
import { verifyWebhookSignature, decodeWebhookSecret } from '../libs/clerk/src/webhooks/webhook-signature.js';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { startTestService, until } from './support/service.js';
import { plantUsers } from './support/sync.js';

const root = join(import.meta.dirname, '..');
const BUILT = join(root, 'dist/apps/api/apps/api/src/clerk/clerk.cli.js');

// Thousands of users through a real Clerk and a real database.
import.meta.jest.setTimeout(90_000);

let database: TestDatabase;
let clerk: ClerkSandbox;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'nest-clerk-cli-'));
});

beforeEach(async () => {
  clerk = await ClerkSandbox.start({ seed: false });
  database = await createTestDatabase();
}, 90_000);

afterEach(async () => {
  await clerk.stop();
  await database.drop();
});

afterAll(() => rm(home, { recursive: true, force: true }));

const variables = (): Record<string, string> => ({
  CLERK_SECRET_KEY: clerk.secretKey,
  CLERK_API_URL: clerk.url,
  ...(database.options.kind === 'postgres'
    ? { DATABASE_URL: database.options.url }
    : { EMBEDDED_DATABASE_DIR: database.options.directory }),
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** In this process. */
async function run(
  words: readonly string[],
  options: { env?: Record<string, string>; isTerminal?: boolean } = {},
): Promise<Ran> {
  const written = { out: '', error: '' };
  const env = { ...variables(), ...options.env };
  const code = await runCommandLine(words, {
    env: (name) => env[name],
    openDatabase: async () => {
      const prisma = await PrismaService.open(database.options);
      return { database: prisma, close: () => prisma.onApplicationShutdown() };
    },
    writeOut: (text) => (written.out += text),
    writeError: (text) => (written.error += text),
    isTerminal: options.isTerminal ?? false,
  });
  return { code, ...written };
}

/** As a process of its own, as built. */
function start(
  words: readonly string[],
  env: Record<string, string> = variables(),
): { child: ChildProcess; ended: Promise<Ran> } {
  const bare = { PATH: process.env['PATH'] ?? '', HOME: home };
  const child = spawn(process.execPath, [BUILT, ...words], { cwd: home, env: { ...bare, ...env } });
  const written = { out: '', error: '' };
  child.stdout.on('data', (chunk) => (written.out += String(chunk)));
  child.stderr.on('data', (chunk) => (written.error += String(chunk)));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...written }));
  return { child, ended };
}

async function onDatabase<T>(work: (prisma: PrismaService) => Promise<T>): Promise<T> {
  const prisma = await PrismaService.open(database.options);
  try {
    return await work(prisma);
  } finally {
    await prisma.onApplicationShutdown();
  }
}

function storedEvent(id: string, status = 'dead') {
  const payload = { type: 'user.created', data: { id: 'user_1', first_name: 'Secretive' } };
  const times = { timestampMs: 1n, attempts: 10, lastError: 'TypeError' };
  return { id, type: 'user.created', entityId: 'user_1', userId: 'user_1', status, payload, ...times };
}

describe('nest-clerk sync', () => {
  it('goes on after SIGKILL in the middle of a page, and brings every user once', async () => {
    plantUsers(clerk, 2_000, { perMoment: 7 });
    const pages = () => clerk.requestCounts.get('GET /v1/users') ?? 0;
    const first = start(['sync']);
    await until(
      async () => pages(),
      (count) => count >= 3,
    );
    first.child.kill('SIGKILL');
    expect((await first.ended).code).toBeNull();
    // The lock of a process that was killed is taken over, but not in here: Jest's own realm does not know Node's errors.
    if (database.options.kind === 'embedded') await rm(`${database.options.directory}.lock`);
    const [broken] = await onDatabase((prisma) => prisma.clerkSyncRun.findMany());
    expect(broken).toMatchObject({ finishedAt: null });
    const asked = pages();

    const second = await start(['sync', '--json']).ended;
    expect(second.code).toBe(0);
    expect(JSON.parse(second.out)).toMatchObject({
      outcome: 'complete',
      kinds: { users: { seen: 2_000, created: 2_000 } },
    });
    // Five pages hold all: what was committed was not asked for again. A page that takes too long is asked for twice.
    expect(broken?.revision).toBeGreaterThanOrEqual(2);
    expect(pages() - asked).toBeGreaterThanOrEqual(5 - (broken?.revision ?? 0));
    expect(pages() - asked).toBeLessThan(5);
    await onDatabase(async (prisma) => {
      const rows = await prisma.user.findMany({ where: { revision: 0 } });
      expect(rows.map(({ clerkId }) => clerkId).toSorted()).toEqual(
        clerk.users
          .all()
          .map(({ id }) => id)
          .toSorted(),
      );
      expect(await prisma.clerkSyncRun.count()).toBe(1);
    });
  });

  it('killed among the memberships, it begins them again and writes each once', async () => {
    const ids = plantUsers(clerk, 510);
    const { id } = clerk.organizations.create({ name: 'Large' });
    for (const user_id of ids) clerk.organizations.addMember(id, { user_id, role: 'org:member' });
    const pages = () => clerk.requestCounts.get('GET /v1/organization_memberships') ?? 0;
    const first = start(['sync']);
    // One to count them, and the first page.
    await until(
      async () => pages(),
      (count) => count >= 2,
    );
    first.child.kill('SIGKILL');
    expect((await first.ended).code).toBeNull();
    if (database.options.kind === 'embedded') await rm(`${database.options.directory}.lock`);
    const before = await onDatabase((prisma) => prisma.organizationMembership.count());
    // A page is written whole or not at all.
    expect([0, 500]).toContain(before);
    const second = await start(['sync', '--json']).ended;
    expect(JSON.parse(second.out)).toMatchObject({
      kinds: { memberships: { seen: 510, created: 510 - before, updated: 0 } },
    });
    await onDatabase(async (prisma) => {
      expect(await prisma.organizationMembership.count({ where: { revision: 0 } })).toBe(510);
    });
  });

  it('writes plain lines where nobody looks on, and one line over and over on a terminal', async () => {
    plantUsers(clerk, 3);
    const plain = await run(['sync']);
    expect(plain).toMatchObject({
      code: 0,
      error: expect.stringMatching(
        /^3\/3 users \(100 %\), \d+\/s\n0\/0 organizations .+\n0\/0 memberships .+\n$/,
      ),
    });
    expect(plain.out).toBe(
      '3 users at Clerk: 3 were new here, 0 were older here.\n' +
        '0 organisations at Clerk: 0 were new here, 0 were older here.\n' +
        '0 memberships at Clerk: 0 were new here, 0 were older here.\n',
    );
    const terminal = await run(['sync'], { isTerminal: true });
    expect(terminal.error.replaceAll('\r\u001b[2K', '<over>')).toMatch(
      /^<over>\[#{30}\] 3\/3 users \(100 %\), \d+\/s\n<over>\[#{30}\] 0\/0 organizations/,
    );
  });

  it('says what is wrong with exit code 1, and never the key', async () => {
    const key = `sk_test_${'x'.repeat(30)}`;
    const wrong = await run(['sync'], { env: { CLERK_SECRET_KEY: key } });
    expect(wrong).toMatchObject({ code: 1, out: '' });
    expect(wrong.error).toContain('refused the secret key');
    expect(wrong.error).not.toContain(key);
    const json = await run(['sync', '--json'], { env: { CLERK_SECRET_KEY: key } });
    expect(json).toMatchObject({ code: 1, error: '' });
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'CLERK_SECRET_KEY_REJECTED' } });
    const malformed = await run(['sync'], { env: { CLERK_SECRET_KEY: 'topsecret' } });
    expect(malformed).toMatchObject({ code: 1, error: expect.stringContaining('CLERK_SECRET_KEY') });
    expect(malformed.error).not.toContain('topsecret');
  });
});

describe('nest-clerk reconcile', () => {
  it('puts what is missing into the inbox and says that it waits; with 1 when the fuse has acted', async () => {
    const ids = plantUsers(clerk, 20);
    await run(['sync']);
    plantUsers(clerk, 1);
    for (const id of ids.slice(0, 2)) clerk.users.delete(id);
    const ran = await run(['reconcile', '--wait', '0', '--json']);
    expect(ran.code).toBe(1);
    const none = { listed: 0, missing: 0, stale: 0, extra: 0, settled: 0, fuse: null };
    const fuse = 'TOO_MANY_DELETIONS';
    expect(JSON.parse(ran.out)).toEqual({
      instanceId: clerk.instanceId,
      missing: 1,
      stale: 0,
      extra: 2,
      settled: 0,
      kinds: {
        users: { ...none, listed: 19, missing: 1, extra: 2, fuse },
        organizations: none,
        memberships: none,
      },
      usersSinceMs: null,
      fuse,
      delivered: 1,
      pending: 1,
    });
    const dry = await run(['reconcile', '--dry-run']);
    expect(dry.out).toContain('19 users at Clerk; here 1 were missing, 0 stale, 2 extra.');
    expect(dry.out).toContain('Extra users were not deleted');
    expect(dry.out).toContain('--deletions-max N');
  });
});

describe('nest-clerk reconcile --recent', () => {
  it('says since when users were looked at', async () => {
    plantUsers(clerk, 3);
    const [newest = ''] = plantUsers(clerk, 1, { fromMs: Date.now() });
    await run(['sync']);
    expect((await run(['reconcile', '--recent'])).out).toContain('4 users at Clerk; here 0 were missing');
    const since = new Date(clerk.users.get(newest).updated_at - 600_000).toISOString();
    expect((await run(['reconcile', '--recent'])).out).toContain(
      `1 users at Clerk that changed since ${since}; here 0 were missing`,
    );
  });
});

describe('nest-clerk events', () => {
  beforeEach(() =>
    onDatabase(async (prisma) => {
      await prisma.clerkWebhookEvent.create({ data: storedEvent('msg_dead') });
      await prisma.clerkWebhookEvent.create({ data: storedEvent('msg_done', 'applied') });
    }),
  );

  it('lists and shows them without what is in them', async () => {
    const all = JSON.parse((await run(['events', 'list', '--json'])).out);
    expect(all.map(({ id }: { id: string }) => id).toSorted()).toEqual(['msg_dead', 'msg_done']);
    expect(JSON.parse((await run(['events', 'list', '--limit', '1', '--json'])).out).length).toBe(1);
    const dead = await run(['events', 'dead']);
    expect(dead.out).toMatch(
      /^\S+ {2}dead {5}user\.created {9}user_1 {2}msg_dead {2}TypeError, 10 attempts\n$/,
    );
    const shown = await run(['events', 'show', 'msg_dead']);
    expect(shown).toMatchObject({ code: 0, out: expect.stringContaining('hasPayload: true') });
    const texts = [dead, shown, await run(['events', 'show', 'msg_dead', '--json'])].map(({ out }) => out);
    for (const text of texts) expect(text).not.toContain('Secretive');
    expect((await run(['events', 'show', 'msg_dead', '--payload'])).out).toContain('Secretive');
    expect(await run(['events', 'show', 'msg_none'])).toMatchObject({ code: 1 });
  });

  it('are replayed by id, and all that are dead at once', async () => {
    const status = (id: string) =>
      onDatabase(async (prisma) => {
        const event = await prisma.clerkWebhookEvent.findUniqueOrThrow({ where: { id } });
        return [event.status, event.attempts];
      });
    expect(JSON.parse((await run(['events', 'replay', '--dead', '--json'])).out)).toEqual({
      replayed: ['msg_dead'],
      missed: [],
    });
    expect([await status('msg_dead'), await status('msg_done')]).toEqual([
      ['pending', 0],
      ['applied', 10],
    ]);
    const byId = await run(['events', 'replay', 'msg_done', 'msg_none']);
    expect(byId).toMatchObject({ code: 1, out: expect.stringContaining('msg_none is not there') });
    expect(await status('msg_done')).toEqual(['pending', 0]);
  });

  it('are not replayed without their body, unless they are deletions, which need none', async () => {
    const events = [
      storedEvent('msg_wiped'),
      { ...storedEvent('msg_ignored', 'ignored'), type: 'session.created' },
      { ...storedEvent('msg_gone'), type: 'user.deleted' },
    ];
    await onDatabase((prisma) =>
      prisma.clerkWebhookEvent.createMany({
        data: events.map(({ payload: _payload, ...event }) => event),
      }),
    );
    const byId = await run(['events', 'replay', 'msg_wiped', 'msg_ignored', 'msg_gone', '--json']);
    expect(byId.code).toBe(1);
    expect(JSON.parse(byId.out)).toEqual({ replayed: ['msg_gone'], missed: ['msg_wiped', 'msg_ignored'] });
    expect(JSON.parse((await run(['events', 'replay', '--dead', '--json'])).out).replayed).toEqual([
      'msg_dead',
    ]);
  });
});

describe('nest-clerk webhook send', () => {
  /** Answers every POST, and keeps what came. */
  async function listen(status: number) {
    const came: { headers: Record<string, string | string[] | undefined>; body: Buffer }[] = [];
    const server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        came.push({ headers: req.headers, body: Buffer.concat(chunks) });
        res.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    return { came, port, close: () => new Promise((resolve) => server.close(resolve)) };
  }

  it('signs what it sends with the first secret, and says what came back', async () => {
    const [secret, other] = [createWebhookSecret(), createWebhookSecret()];
    const { came, port, close } = await listen(204);
    const env = { CLERK_WEBHOOK_SECRET: `${secret},${other}`, PORT: port };
    const words = [
      'webhook',
      'send',
      '--type',
      'user.created',
      '--data',
      '{"id":"user_é"}',
      '--delivery-id',
      'msg_sent',
    ];
    const sent = await run(words, { env });
    const file = join(home, 'body.json');
    await writeFile(file, '{ "type" : "x" }\r\n');
    await run(['webhook', 'send', '--body', file], { env });
    await close();
    expect(sent).toEqual({ code: 0, out: 'msg_sent: 204\n', error: '' });
    const keys = [decodeWebhookSecret(secret)].filter((key) => key !== null);
    for (const { headers, body } of came)
      expect(verifyWebhookSignature({ rawBody: body, headers }, keys, Date.now()).id).toMatch(/^msg_/);
    expect(JSON.parse(String(came[0]?.body))).toMatchObject({ type: 'user.created', data: { id: 'user_é' } });
    expect(String(came[1]?.body)).toBe('{ "type" : "x" }\r\n');
  });

  it('makes a sample of what has the id, with what is given in its place', async () => {
    const { came, port, close } = await listen(204);
    const env = { CLERK_WEBHOOK_SECRET: createWebhookSecret(), PORT: port };
    const file = join(home, 'data.json');
    await writeFile(file, '{"first_name":"Ada"}');
    const words = ['webhook', 'send', 'user.created', '--id', 'user_test123'];
    expect(await run(words, { env })).toMatchObject({ code: 0 });
    expect(await run([...words, '--data', '{"banned":true}'], { env })).toMatchObject({ code: 0 });
    expect(await run([...words, '--data', `@${file}`], { env })).toMatchObject({ code: 0 });
    await close();
    const [sample, banned, ada] = came.map(({ body }) => JSON.parse(String(body)));
    expect(sample).toMatchObject({
      type: 'user.created',
      object: 'event',
      data: { id: 'user_test123', first_name: 'Sam', banned: false },
    });
    expect(sample.data.updated_at).toBe(sample.timestamp);
    expect(banned.data).toMatchObject({ id: 'user_test123', first_name: 'Sam', banned: true });
    expect(ada.data).toMatchObject({ id: 'user_test123', first_name: 'Ada', banned: false });
  });

  it('fails with 1 where it is refused, or nobody listens, and never shows the secret', async () => {
    const secret = createWebhookSecret();
    const { port, close } = await listen(400);
    const env = { CLERK_WEBHOOK_SECRET: secret, PORT: port };
    const words = ['webhook', 'send', '--type', 'x', '--json'];
    const refused = await run(words, { env });
    await close();
    const unheard = await run(words, { env });
    expect([refused.code, JSON.parse(refused.out).status]).toEqual([1, 400]);
    expect([unheard.code, JSON.parse(unheard.out).status]).toEqual([1, null]);
    const malformed = await run(words, { env: { CLERK_WEBHOOK_SECRET: 'whsec_???topsecret' } });
    expect(malformed.code).toBe(1);
    for (const { out, error } of [refused, unheard, malformed])
      for (const text of [secret, 'topsecret']) expect(out + error).not.toContain(text);
  });
});

describe('guide Ocean chat: nest-clerk webhook send, beside a service on the offline Clerk', () => {
  it('a webhook needs no variables: its user is there, and can be chatted for', async () => {
    const service = await startTestService();
    const env = { PORT: new URL(service.url).port, SANDBOX_PORT: new URL(service.clerk.url).port };
    const sent = await start(['webhook', 'send', 'user.created', '--id', 'user_test123'], env).ended;
    const unheard = await start(['webhook', 'send', 'user.created', '--id', 'user_2'], {
      ...env,
      NODE_ENV: 'production',
    }).ended;
    const token = SEEDED_MACHINE_SECRETS.machineToken;
    const found = await until(
      () => service.call('/api/users/by-clerk/user_test123', { token }),
      ({ status }) => status === 200,
    );
    const body = { message: 'Hello!', clerk_user_id: 'user_test123' };
    const answer = await service.call('/api/v1/chat', { token, body });
    await service.stop();
    expect(sent).toEqual({ code: 0, out: expect.stringMatching(/^msg_\w+: 204\n$/), error: '' });
    expect(found.body.user).toMatchObject({ clerk_id: 'user_test123', email: 'user_test123@example.com' });
    expect([answer.status, answer.body.user.name]).toEqual([200, 'Sam Sample']);
    // In production nothing stands in.
    expect(unheard).toMatchObject({ code: 1, error: expect.stringContaining('CLERK_WEBHOOK_SECRET') });
  });
});

describe('the words of the command line', () => {
  it.each([
    [[]],
    [['dance']],
    [['events']],
    [['events', 'show']],
    [['events', 'replay']],
    [['events', 'replay', 'msg_1', '--dead']],
    [['sync', '--dead']],
    [['sync', 'more']],
    [['sync', '--nonsense']],
    [['reconcile', '--deletions-max', 'many']],
    [['webhook', 'send']],
    [['webhook', 'send', '--type', 'x', '--data', '{']],
    [['webhook', 'send', '--type', 'x', '--data', '[]']],
    [['webhook', 'send', '--type', 'x', '--data', '@nowhere']],
    [['webhook', 'send', '--type', 'x', '--url', 'nowhere']],
    [['webhook', 'send', 'user.created', '--type', 'user.created']],
    [['webhook', 'send', 'user.created', 'user.updated']],
    [['webhook', 'send', '--id', 'user_1']],
    [['webhook', 'send', 'user.created', '--id', 'org_1']],
    [['webhook', 'send', 'organizationMembership.created', '--id', 'orgmem_1']],
    [['webhook', 'send', 'user.created', '--id', 'user_1', '--body', 'x.json']],
    [['sync', '--recent']],
  ])('%j are answered with the usage and exit code 2', async (words) => {
    const ran = await run(words);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.error).toMatch(/^nest-clerk: .+\n\nnest-clerk COMMAND/);
  });

  it('--help is answered with the usage and exit code 0', async () => {
    const ran = await run(['--help']);
    expect(ran).toMatchObject({ code: 0, error: '' });
    expect(ran.out).toMatch(/^nest-clerk COMMAND/);
  });
});
