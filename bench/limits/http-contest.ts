import { deepStrictEqual } from 'node:assert/strict';

import { HOST } from '../auth/contestants/running-server.js';
import { Child } from '../child.js';
import { runLoad } from './load.js';
import type { ServerKind } from './serve.js';
import type { Settings } from './settings.js';
import { twoWindows } from './windows.js';

/** High enough for the load: each caller is sent a few hundred requests in all. */
const PER_MINUTE = 400;
const WINDOWS = twoWindows(PER_MINUTE, 10 * PER_MINUTE);
const CALLERS = Array.from({ length: 10_000 }, (_, index) => `user_2abcdefghijklmnopqrst${index}`);

interface Contestant {
  readonly title: string;
  readonly server: ServerKind;
  readonly isOnRedis: boolean;
}

export const CONTESTANTS = {
  unlimited: { title: 'Nest, no limit', server: 'unlimited', isOnRedis: false },
  oursRedis: { title: 'nest-rate-tiers, Redis', server: 'tiers', isOnRedis: true },
  throttlerRedis: { title: '@nestjs/throttler, Redis', server: 'throttler', isOnRedis: true },
  flexibleRedis: { title: 'rate-limiter-flexible, Redis', server: 'flexible', isOnRedis: true },
  oursMemory: { title: 'nest-rate-tiers, memory', server: 'tiers', isOnRedis: false },
  throttlerMemory: { title: '@nestjs/throttler, memory', server: 'throttler', isOnRedis: false },
  flexibleMemory: { title: 'rate-limiter-flexible, memory', server: 'flexible', isOnRedis: false },
} as const satisfies Record<string, Contestant>;

export type ContestantName = keyof typeof CONTESTANTS;

/** One entry for each round. */
export interface HttpResult {
  readonly perSecond: number[];
  /** CPU time of the server for each request, microseconds. */
  readonly cpuMicros: number[];
  readonly utilization: number[];
}

export interface HttpResults {
  readonly allowed: Readonly<Record<ContestantName, HttpResult>>;
  /** One caller whose budget is spent, on all connections. Nothing where there is no limit. */
  readonly refused: Readonly<Record<ContestantName, HttpResult>>;
}

export interface HttpContest {
  readonly redisUrl: string;
  readonly settings: Settings;
  readonly progress: (line: string) => void;
}

interface Entrant {
  readonly contestant: Contestant;
  readonly child: Child;
  readonly url: string;
  readonly allowed: HttpResult;
  readonly refused: HttpResult;
}

/** The same route behind every limiter, in rounds that take turns. @throws Error when one of them answers wrongly */
export async function runHttpContest(contest: HttpContest): Promise<HttpResults> {
  const { settings, progress } = contest;
  const entrants: Entrant[] = [];
  try {
    for (const name of names()) entrants.push(await enter(contest, CONTESTANTS[name]));
    for (let round = 0; round <= settings.httpRounds; round += 1) {
      // The first one is for the code to be compiled.
      progress(`HTTP round ${round} of ${settings.httpRounds}`);
      // Another one begins each time, so that nobody always comes after the same neighbour's rest.
      const turn = round % entrants.length;
      const order = [...entrants.slice(turn), ...entrants.slice(0, turn)];
      for (const entrant of order) await play(entrant, round, settings.httpRoundMs);
    }
    return { allowed: resultsOf(entrants, 'allowed'), refused: resultsOf(entrants, 'refused') };
  } finally {
    await Promise.all(entrants.map(({ child }) => child.stop()));
  }
}

function names(): ContestantName[] {
  // Object.keys() says string.
  return Object.keys(CONTESTANTS) as ContestantName[];
}

function resultsOf(
  entrants: readonly Entrant[],
  kind: 'allowed' | 'refused',
): Readonly<Record<ContestantName, HttpResult>> {
  const results = entrants.map((entrant, index) => [names()[index], entrant[kind]]);
  // Every name has its entrant, in the same order.
  return Object.fromEntries(results) as Record<ContestantName, HttpResult>;
}

async function enter({ redisUrl }: HttpContest, contestant: Contestant): Promise<Entrant> {
  const child = Child.start(new URL('serve.js', import.meta.url));
  const options = { redisUrl: contestant.isOnRedis ? redisUrl : null, windows: WINDOWS };
  const port = await child.ask('start', { kind: contestant.server, options });
  const url = `http://${HOST}:${String(port)}/who`;
  return { contestant, child, url, allowed: emptyResult(), refused: emptyResult() };
}

function emptyResult(): HttpResult {
  return { perSecond: [], cpuMicros: [], utilization: [] };
}

async function play(entrant: Entrant, round: number, roundMs: number): Promise<void> {
  const allowed = { callers: CALLERS, durationMs: roundMs, status: 200 };
  await measure(entrant, allowed, round === 0 ? emptyResult() : entrant.allowed);
  if (entrant.contestant.server === 'unlimited') return;
  const spent = `${entrant.contestant.title}, round ${round}`;
  await spend(entrant, spent);
  const refused = { callers: [spent], durationMs: roundMs, status: 429 };
  await measure(entrant, refused, round === 0 ? emptyResult() : entrant.refused);
}

/** So many as the limit says get through, and no more. */
async function spend({ url, contestant }: Entrant, caller: string): Promise<void> {
  const statuses: number[] = [];
  for (let unit = 0; unit <= PER_MINUTE; unit += 1) {
    const response = await fetch(url, { headers: { authorization: caller } });
    await response.text();
    statuses.push(response.status);
  }
  deepStrictEqual(statuses, [...Array<number>(PER_MINUTE).fill(200), 429], contestant.title);
}

async function measure(
  { child, url }: Entrant,
  load: { callers: readonly string[]; durationMs: number; status: number },
  result: HttpResult,
): Promise<void> {
  await child.ask('load');
  const { requests, perSecond } = await runLoad({ url, ...load });
  // The other end is serve.ts.
  const spent = (await child.ask('load')) as { cpuMicros: number; utilization: number };
  result.perSecond.push(perSecond);
  result.cpuMicros.push(spent.cpuMicros / requests);
  result.utilization.push(spent.utilization);
}
