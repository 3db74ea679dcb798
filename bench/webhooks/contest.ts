import { Pool } from 'pg';

import type { ClerkSandbox } from '../../libs/clerk-sandbox/src/index.js';
import { Child } from '../child.js';
import type { BenchDatabase } from './bench-database.js';
import { type ContestantName, INSERT, insertAndUpsert } from './contestants.js';
import type { Settings } from './settings.js';
import { signedEvents } from './signed-events.js';
import { CONNECTIONS, sendEvents } from './socket-load.js';

/** One entry for each round. */
export interface ContestResult {
  readonly perSecond: number[];
  readonly p99Ms: number[];
}

export type ContestResults = Readonly<
  Record<
    | ContestantName
    | 'apply'
    | 'apply, two processes'
    | 'pg alone: insert'
    | 'pg alone: transaction'
    | 'backfill',
    ContestResult
  >
>;

export interface ContestOptions {
  readonly database: BenchDatabase;
  readonly secret: string;
  /** Where users are brought from. */
  readonly clerk: ClerkSandbox;
  readonly settings: Settings;
  readonly progress: (line: string) => void;
}

interface Server {
  readonly child: Child;
  readonly port: number;
}

/** Every contestant in a process of its own, in rounds that take turns. */
export async function runContest(options: ContestOptions): Promise<ContestResults> {
  const { settings, progress } = options;
  const servers: Server[] = [];
  try {
    for (const name of ['nest-clerk', 'nest-clerk', 'inline', 'plain transaction'] as const)
      servers.push(await start(name, options));
    const [clerk, second, inline, plain] = servers;
    if (!clerk || !second || !inline || !plain) throw new Error('Not all contestants have started.');
    const results = emptyResults();
    for (let round = -1; round < settings.rounds; round += 1) {
      progress(round < 0 ? 'Warm-up' : `Round ${round + 1} of ${settings.rounds}`);
      // What the first round gives is not kept.
      const kept = round < 0 ? emptyResults() : results;
      await measureSending(inline, kept.inline, { ...options, table: 'users' });
      await measureSending(clerk, kept['nest-clerk'], { ...options, table: 'clerk_webhook_events' });
      await measureApplying([clerk], kept.apply, options);
      await measureSending(plain, kept['plain transaction'], { ...options, table: 'users' });
      await measureSending(clerk, emptyResults()['nest-clerk'], {
        ...options,
        table: 'clerk_webhook_events',
      });
      await measureApplying([clerk, second], kept['apply, two processes'], options);
      await measurePgAlone(kept, options);
      await measureBackfill(kept.backfill, options);
    }
    return results;
  } finally {
    for (const { child } of servers) await child.stop();
  }
}

function emptyResults(): ContestResults {
  return {
    'nest-clerk': emptyResult(),
    inline: emptyResult(),
    'plain transaction': emptyResult(),
    apply: emptyResult(),
    'apply, two processes': emptyResult(),
    'pg alone: insert': emptyResult(),
    'pg alone: transaction': emptyResult(),
    backfill: emptyResult(),
  };
}

function emptyResult(): ContestResult {
  return { perSecond: [], p99Ms: [] };
}

async function start(name: ContestantName, { database, secret }: ContestOptions): Promise<Server> {
  const child = Child.start(new URL('serve.js', import.meta.url));
  const port = Number(await child.ask('start', { name, contest: { url: database.url, secret } }));
  await child.ask('stopApplying');
  return { child, port };
}

async function measureSending(
  { port }: Server,
  result: ContestResult,
  options: ContestOptions & { readonly table: 'users' | 'clerk_webhook_events' },
): Promise<void> {
  const { database, secret, settings, table } = options;
  await database.empty();
  const { perSecond, p99Ms } = await sendEvents(port, signedEvents(settings.events, secret));
  const rows = await database.count(table);
  if (rows !== settings.events)
    throw new Error(`${settings.events} events were acknowledged, and ${rows} are there.`);
  result.perSecond.push(perSecond);
  result.p99Ms.push(p99Ms);
}

/** What was received just before. */
async function measureApplying(
  servers: readonly Server[],
  result: ContestResult,
  { database, settings }: ContestOptions,
): Promise<void> {
  const startedAt = performance.now();
  await Promise.all(servers.map(({ child }) => child.ask('apply')));
  const seconds = (performance.now() - startedAt) / 1_000;
  await Promise.all(servers.map(({ child }) => child.ask('stopApplying')));
  const rows = await database.count('users');
  if (rows !== settings.events)
    throw new Error(`${settings.events} events were applied, and ${rows} users are there.`);
  result.perSecond.push(settings.events / seconds);
}

async function measurePgAlone(results: ContestResults, options: ContestOptions): Promise<void> {
  const insert = await perSecondThroughPg(options, async (pool, { id, body }) => {
    await pool.query(INSERT, [`msg_${id}`, id, body]);
  });
  const transaction = await perSecondThroughPg(options, (pool, { id, body }) =>
    insertAndUpsert(pool, { insert: [`msg_${id}`, id, body], upsert: [id, 'Ines', Date.now()] }),
  );
  results['pg alone: insert'].perSecond.push(insert);
  results['pg alone: transaction'].perSecond.push(transaction);
}

/** Without HTTP and signatures, at the same concurrency. */
async function perSecondThroughPg(
  { database, secret, settings }: ContestOptions,
  write: (pool: Pool, event: { readonly id: string; readonly body: string }) => Promise<void>,
): Promise<number> {
  await database.empty();
  const events = signedEvents(settings.events, secret);
  const pool = new Pool({ connectionString: database.url, max: CONNECTIONS });
  try {
    let next = 0;
    const startedAt = performance.now();
    const writeInTurn = async () => {
      for (let event = events[next++]; event !== undefined; event = events[next++]) await write(pool, event);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, writeInTurn));
    return settings.events / ((performance.now() - startedAt) / 1_000);
  } finally {
    // Before the database is dropped under it, which would hide what went wrong.
    await pool.end();
  }
}

/** In a process of its own each time: the calls that one has made at Clerk count against the next ten seconds. */
async function measureBackfill(
  result: ContestResult,
  { database, secret, clerk }: ContestOptions,
): Promise<void> {
  await database.empty();
  const connection = { secretKey: clerk.secretKey, apiUrl: clerk.url };
  const contest = { url: database.url, secret, clerk: connection };
  const child = Child.start(new URL('serve.js', import.meta.url));
  try {
    await child.ask('start', { name: 'nest-clerk', contest });
    const startedAt = performance.now();
    await child.ask('backfill');
    const seconds = (performance.now() - startedAt) / 1_000;
    const users = clerk.users.all().length;
    const rows = await database.count('users');
    if (rows !== users) throw new Error(`Clerk has ${users} users, and ${rows} are there.`);
    result.perSecond.push(users / seconds);
  } finally {
    await child.stop();
  }
}
