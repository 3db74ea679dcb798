import { quartiles, rounded, type Table } from '../report.js';
import { type Sample, sampleOf } from '../statistics.js';
import { DECIDER_NAMES, REDIS_NAMES } from './deciders.js';
import { type DecisionResults, MEMORY_CASES, type MemoryCaseName } from './decision-contest.js';
import type { Measurements } from './figures.js';
import { type ContestantName, CONTESTANTS, type HttpResult, type HttpResults } from './http-contest.js';
import type { LeaseResult } from './lease-contest.js';
import type { OutageResults } from './outage-contest.js';

export function tablesOf({ decisions, http, leases, outages }: Measurements): Table[] {
  return [
    redisTable(decisions),
    memoryTable(decisions),
    httpTable(http, 'allowed', 'Over HTTP, 64 connections, all let through'),
    httpTable(http, 'refused', 'Over HTTP, 64 connections, all refused (429)'),
    leaseTable(leases),
    outageTable(outages),
  ];
}

function redisTable({ redis }: DecisionResults): Table {
  return {
    title: 'Decisions of two windows in Redis, 64 in flight, all let through',
    columns: ['limiter', 'per second', 'quartiles', 'p50 ms', 'quartiles', 'CPU us', 'quartiles'],
    rows: REDIS_NAMES.map((name) =>
      [String(name)].concat(
        cells(sampleOf(redis[name].map(({ perSecond }) => perSecond))),
        cells(sampleOf(redis[name].map(({ p50Ms }) => p50Ms))),
        cells(sampleOf(redis[name].map(({ cpuMicros }) => cpuMicros))),
      ),
    ),
  };
}

function memoryTable({ memory }: DecisionResults): Table {
  // Object.keys() says string.
  const cases = Object.keys(MEMORY_CASES) as MemoryCaseName[];
  return {
    title: 'Decisions in memory, microseconds',
    columns: ['limiter', ...cases.flatMap((name) => [MEMORY_CASES[name].title, 'quartiles'])],
    rows: DECIDER_NAMES.map((limiter) =>
      [String(limiter)].concat(cases.flatMap((name) => cells(sampleOf(memory[name][limiter])))),
    ),
  };
}

/** `busy` well below 100 means that the load, or Redis, not the server, bounded the rate. */
function httpTable(http: HttpResults, kind: 'allowed' | 'refused', title: string): Table {
  // The keys of CONTESTANTS; Object.entries() says string.
  const measured = Object.entries(http[kind]) as [ContestantName, HttpResult][];
  return {
    title,
    columns: ['server', 'requests/s', 'quartiles', 'CPU us/request', 'quartiles', 'busy %'],
    rows: measured
      .filter(([, { perSecond }]) => perSecond.length > 0)
      .map(([name, { perSecond, cpuMicros, utilization }]) =>
        [String(CONTESTANTS[name].title)].concat(
          cells(sampleOf(perSecond)),
          cells(sampleOf(cpuMicros)),
          percent(sampleOf(utilization).median),
        ),
      ),
  };
}

function leaseTable(leases: readonly LeaseResult[]): Table {
  return {
    title: 'An ENTERPRISE key on two instances, a minute in 3 s',
    columns: ['load x limit', 'requests', 'let through', 'round trips', 'a request', 'over', 'too early %'],
    rows: leases.map(({ load, requests, admitted, roundTrips, overAdmitted, refusedTooEarly }) => [
      String(load),
      String(requests),
      String(admitted),
      String(roundTrips),
      String(rounded(roundTrips / requests)),
      String(overAdmitted),
      String(rounded(refusedTooEarly * 100)),
    ]),
  };
}

function outageTable(outages: OutageResults): Table {
  return {
    title: 'Redis lost, milliseconds, slowest of the rounds',
    columns: ['Redis', 'first request', 'next request'],
    rows: (['refused', 'hung'] as const).map((kind) => [
      kind,
      String(rounded(Math.max(...outages[kind].map(({ firstMs }) => firstMs)))),
      String(rounded(Math.max(...outages[kind].map(({ nextMs }) => nextMs)))),
    ]),
  };
}

function percent(share: number): string {
  return String(Math.round(share * 100));
}

function cells(sample: Sample): string[] {
  return [String(rounded(sample.median)), quartiles(sample)];
}
