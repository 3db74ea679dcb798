import { deepStrictEqual } from 'node:assert/strict';

import { type Contestant, type ContestantName, CONTESTANTS, UNGUARDED } from './contestants.js';
import { LoadGenerator } from './load-generator.js';
import type { OfflineClerk } from './offline-clerk.js';
import { get, ServerProcess } from './server-process.js';
import type { Settings } from './settings.js';

/** One entry for each round. */
export interface HttpResult {
  readonly perSecond: number[];
  /** CPU time of the server for each request, microseconds. */
  readonly cpuMicros: number[];
  readonly utilization: number[];
  /** Share of the tokens to come that the server knew, 0 to 1; empty where none are remembered. */
  readonly known: number[];
}

export type HttpResults = Readonly<Record<ContestantName, HttpResult>>;

interface Entrant {
  readonly contestant: Contestant;
  readonly server: ServerProcess;
  readonly load: LoadGenerator;
  readonly result: HttpResult;
}

export interface HttpContest {
  readonly clerk: OfflineClerk;
  /** The first is of `clerk.connection.userId`. */
  readonly tokens: readonly string[];
  readonly settings: Settings;
  readonly progress: (line: string) => void;
}

/** Requests per second of every contestant, in rounds that take turns. @throws Error when one of them answers wrongly */
export async function runHttpContest(contest: HttpContest): Promise<HttpResults> {
  const { settings, progress } = contest;
  const entrants: Entrant[] = [];
  try {
    for (const name of names()) entrants.push(await enter(contest, CONTESTANTS[name]));
    progress('HTTP warm-up');
    for (const entrant of entrants) await warmUp(entrant, settings.httpRoundMs);
    for (let round = 0; round < settings.httpRounds; round += 1) {
      progress(`HTTP round ${round + 1} of ${settings.httpRounds}`);
      // Another one begins each time, so that nobody always comes after the same neighbour's rest.
      const turn = round % entrants.length;
      const order = [...entrants.slice(turn), ...entrants.slice(0, turn)];
      for (const entrant of order) await measure(entrant, settings.httpRoundMs);
    }
    for (const { server, contestant } of entrants) await check(server, contestant, contest);
    const results = entrants.map(({ result }, index) => [names()[index], result]);
    // Every name has its entrant, in the same order.
    return Object.fromEntries(results) as HttpResults;
  } finally {
    await Promise.all(entrants.map(({ server }) => server.stop()));
  }
}

function names(): ContestantName[] {
  // Object.keys() says string.
  return Object.keys(CONTESTANTS) as ContestantName[];
}

async function enter(contest: HttpContest, contestant: Contestant): Promise<Entrant> {
  const server = await ServerProcess.start(contestant.server, contest.clerk.connection);
  await check(server, contestant, contest);
  const load = new LoadGenerator(server.url, contest.tokens.slice(0, contestant.tokens));
  return { contestant, server, load, result: { perSecond: [], cpuMicros: [], utilization: [], known: [] } };
}

async function check(server: ServerProcess, contestant: Contestant, contest: HttpContest): Promise<void> {
  const [good = ''] = contest.tokens;
  const { userId } = contest.clerk.connection;
  deepStrictEqual(await get(server.url, good), { status: 200, body: { userId } }, contestant.title);
  if (UNGUARDED.has(contestant.server)) return;
  const forged = await get(server.url, contest.clerk.forgedToken());
  deepStrictEqual(forged.status, 401, `${contestant.title} on a forged token`);
}

/** Until the code is compiled, and every token was seen. */
async function warmUp({ contestant, load }: Entrant, roundMs: number): Promise<void> {
  let { requests } = await load.run(2 * roundMs);
  while (requests < 2 * contestant.tokens) requests += (await load.run(roundMs)).requests;
}

async function measure({ contestant, server, load, result }: Entrant, roundMs: number): Promise<void> {
  const next = load.next();
  const remembered = await server.remembered(next);
  if (contestant.isCold && remembered !== 0) {
    throw new Error(`${contestant.title}: ${remembered} of ${next.length} tokens are known.`);
  }
  await server.load();
  const { requests, perSecond } = await load.run(roundMs);
  const { cpuMicros, utilization } = await server.load();
  result.perSecond.push(perSecond);
  result.cpuMicros.push(cpuMicros / requests);
  result.utilization.push(utilization);
  if (remembered !== null) result.known.push(remembered / next.length);
}
