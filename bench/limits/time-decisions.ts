// A program: how long one limiter takes, without HTTP. The other end is decision-contest.ts.
import { Logger } from '@nestjs/common';

import { answerParent } from '../answer-parent.js';
import { sampleOf } from '../statistics.js';
import { type Decider, type DeciderName, DECIDERS, ONE_GET, type RedisName } from './deciders.js';
import type { MemoryCase, RedisRound } from './decision-contest.js';
import { FREE } from './windows.js';

/** Requests that are under way at once. */
const IN_FLIGHT = 64;
/** Principals that take turns, each until it has spent what it may in a minute. */
const PRINCIPALS = 640;
const UNITS_EACH = 10;

let decider: Decider | null = null;
let decided = 0;

Logger.overrideLogger(['error']);
answerParent({
  async connect({ name, redisUrl }: { name: RedisName; redisUrl: string }) {
    decider = await DECIDERS[name]({ redisUrl, windows: FREE });
    if (name !== ONE_GET) await checkLimit(decider);
  },
  /** Decisions of Redis, all of them allowed. */
  async redisRound(roundMs: number): Promise<RedisRound> {
    if (decider === null) throw new Error('Not connected.');
    const timesMs: number[] = [];
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    const endMs = startMs + roundMs;
    const limiter = decider;
    await Promise.all(Array.from({ length: IN_FLIGHT }, () => decideUntil(endMs, limiter, timesMs)));
    const { user, system } = process.cpuUsage(cpu);
    limiter.check?.();
    return {
      perSecond: (timesMs.length * 1_000) / (performance.now() - startMs),
      p50Ms: sampleOf(timesMs).median,
      cpuMicros: (user + system) / timesMs.length,
    };
  },
  /** Microseconds for each decision in memory. */
  async memoryRound({ name, test }: { name: DeciderName; test: MemoryCase }) {
    const limiter = await DECIDERS[name]({ redisUrl: null, windows: test.windows });
    await decideAll(limiter, freshPrincipals(test.principals, test.unitsBefore), true);
    const principals = freshPrincipals(test.principals, test.unitsTimed);
    const startMs = performance.now();
    await decideAll(limiter, principals, test.isAllowed);
    const durationMs = performance.now() - startMs;
    limiter.close();
    return (durationMs * 1_000) / principals.length;
  },
});

async function decideUntil(endMs: number, limiter: Decider, timesMs: number[]): Promise<void> {
  while (performance.now() < endMs) {
    const principal = nextPrincipal();
    const startMs = performance.now();
    const isAllowed = await limiter.decide(principal);
    timesMs.push(performance.now() - startMs);
    if (!isAllowed) throw new Error('A request was refused that fits.');
  }
}

function nextPrincipal(): string {
  const index = decided++;
  const generation = Math.floor(index / (PRINCIPALS * UNITS_EACH));
  return `user_${process.pid}_${generation}_${index % PRINCIPALS}`;
}

/** What answers at once is not waited for: that would be counted. */
async function decideAll(limiter: Decider, principals: readonly string[], expected: boolean): Promise<void> {
  for (const principal of principals) {
    const decision = limiter.decide(principal);
    const isAllowed = typeof decision === 'boolean' ? decision : await decision;
    if (isAllowed !== expected) throw new Error(`A request was decided wrongly: ${String(isAllowed)}.`);
  }
}

/** Each a string of its own, as HTTP brings it: none profits from a hash or an identity that was kept. */
function freshPrincipals(count: number, unitsEach: number): string[] {
  const principals: string[] = [];
  for (let unit = 0; unit < unitsEach; unit += 1) {
    for (let index = 0; index < count; index += 1) {
      principals.push(Buffer.from(`user_2abcdefghijklmnopqrst${index}`).toString('latin1'));
    }
  }
  return principals;
}

/** So many as the limit says get through, and no more. */
async function checkLimit(limiter: Decider): Promise<void> {
  const principal = `checked_${process.pid}`;
  for (let unit = 1; unit <= UNITS_EACH; unit += 1) await decideAll(limiter, [principal], true);
  await decideAll(limiter, [principal], false);
}
