import type { Figure } from '../report.js';
import { ratioOf, type Sample, sampleOf } from '../statistics.js';
import { type DeciderName, FLEXIBLE, OURS, THROTTLER } from './deciders.js';
import type { DecisionResults, RedisRound } from './decision-contest.js';
import type { HttpResult, HttpResults } from './http-contest.js';
import type { LeaseResult } from './lease-contest.js';
import type { OutageResults } from './outage-contest.js';

export interface Measurements {
  readonly decisions: DecisionResults;
  readonly http: HttpResults;
  readonly leases: readonly LeaseResult[];
  readonly outages: OutageResults;
}

/** What was measured against what it should be. */
export function figuresOf({ decisions, http, leases, outages }: Measurements): Figure[] {
  const { manyKeys, fullKey } = decisions.memory;
  const { refused, hung } = outages;
  return [
    ...([THROTTLER, FLEXIBLE] as const).flatMap((peer) => redisFigures(decisions, peer)),
    atMost('http: CPU added / throttler on Redis', addedTo(http, 'oursRedis', 'throttlerRedis'), 0.333),
    atLeast('memory: speed / throttler, 10,000 keys', ratioOf(manyKeys[THROTTLER], manyKeys[OURS]), 10),
    atLeast(
      'memory: speed / throttler, a key with 1,000 hits',
      ratioOf(fullKey[THROTTLER], fullKey[OURS]),
      100,
    ),
    atLeast(
      'http: 429s per second / throttler on Redis',
      ratioOf(http.refused.oursRedis.perSecond, http.refused.throttlerRedis.perSecond),
      2,
    ),
    counted(
      'ENTERPRISE key: round trips per request, at worst',
      Math.max(...leases.map(({ roundTrips, requests }) => roundTrips / requests)),
      0.15,
    ),
    counted(
      'ENTERPRISE key: units over the limit',
      Math.max(...leases.map(({ overAdmitted }) => overAdmitted)),
      0,
    ),
    counted(
      'ENTERPRISE key: refused too early, percent of requests, at worst',
      Math.max(...leases.map(({ refusedTooEarly }) => refusedTooEarly * 100)),
      0.3,
    ),
    atMost('Redis refused: first request, ms', sampleOf(refused.map(({ firstMs }) => firstMs)), 60),
    atMost('Redis refused: next request, ms', sampleOf(refused.map(({ nextMs }) => nextMs)), 1),
    atMost('Redis hung: first request, ms', sampleOf(hung.map(({ firstMs }) => firstMs)), 60),
    atMost('Redis hung: next request, ms', sampleOf(hung.map(({ nextMs }) => nextMs)), 1),
  ];
}

function redisFigures({ redis }: DecisionResults, peer: DeciderName): Figure[] {
  const values = (name: DeciderName, valueOf: (round: RedisRound) => number) => redis[name].map(valueOf);
  const ratio = (valueOf: (round: RedisRound) => number) =>
    ratioOf(values(OURS, valueOf), values(peer, valueOf));
  return [
    atLeast(
      `Redis: decisions per second / ${peer}`,
      ratio(({ perSecond }) => perSecond),
      2,
    ),
    atMost(
      `Redis: p50 / ${peer}`,
      ratio(({ p50Ms }) => p50Ms),
      0.5,
    ),
  ];
}

/** CPU over that of the route without a limit, round by round. */
function addedTo({ allowed }: HttpResults, ours: 'oursRedis', peer: 'throttlerRedis'): Sample {
  const added = ({ cpuMicros }: HttpResult) =>
    cpuMicros.map((micros, round) => micros - (allowed.unlimited.cpuMicros[round] ?? Number.NaN));
  return ratioOf(added(allowed[ours]), added(allowed[peer]));
}

function atLeast(figure: string, spread: Sample, target: number): Figure {
  return { figure, value: spread.median, spread, target, better: 'higher' };
}

function atMost(figure: string, spread: Sample, target: number): Figure {
  return { figure, value: spread.median, spread, target, better: 'lower' };
}

function counted(figure: string, value: number, target: number): Figure {
  return { figure, value, spread: null, target, better: 'lower' };
}
