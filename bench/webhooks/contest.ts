import { Pool } from 'pg';

import { Child } from '../child.js';
import type { BenchDatabase } from './bench-database.js';
import { type ContestantName, INSERT } from './contestants.js';
import type { Settings } from './settings.js';
import { signedEvents } from './signed-events.js';
import { CONNECTIONS, sendEvents } from './socket-load.js';

/** One entry for each round. */
export interface ContestResult {
  readonly perSecond: number[];
  readonly p99Ms: number[];
}

export type ContestResults = Readonly<
  Record<ContestantName | 'apply' | 'apply, two processes' | 'pg alone', ContestResult>
>;

export interface ContestOptions {
  readonly database: BenchDatabase;
  readonly secret: string;
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
      await measurePgAlone(kept['pg alone'], options);
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
    'pg alone': emptyResult(),
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

async function measurePgAlone(
  result: ContestResult,
  { database, secret, settings }: ContestOptions,
): Promise<void> {
  await database.empty();
  const events = signedEvents(settings.events, secret);
  const pool = new Pool({ connectionString: database.url, max: CONNECTIONS });
  try {
    let next = 0;
    const startedAt = performance.now();
    const insertInTurn = async () => {
      for (let event = events[next++]; event !== undefined; event = events[next++]) {
        await pool.query(INSERT, [event.headers['svix-id'], 'user_1', event.body]);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, insertInTurn));
    result.perSecond.push(settings.events / ((performance.now() - startedAt) / 1_000));
  } finally {
    // Before the database is dropped under it, which would hide what went wrong.
    await pool.end();
  }
}
