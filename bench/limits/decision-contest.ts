import { Child } from '../child.js';
import { DECIDER_NAMES, type DeciderName, REDIS_NAMES, type RedisName } from './deciders.js';
import type { Settings } from './settings.js';
import { FREE, MINUTE_MS, type Windows } from './windows.js';

export interface RedisRound {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Of the process that asks, for each decision. */
  readonly cpuMicros: number;
}

/** What memory is asked, in a store that was empty before. */
export interface MemoryCase {
  readonly title: string;
  readonly windows: Windows;
  readonly principals: number;
  /** What each of them has spent before, and spends while it is timed. */
  readonly unitsBefore: number;
  readonly unitsTimed: number;
  /** What must be the answer to all that is timed. */
  readonly isAllowed: boolean;
}

export const MEMORY_CASES = {
  manyKeys: {
    title: '10,000 keys, two windows',
    windows: FREE,
    principals: 10_000,
    unitsBefore: 1,
    unitsTimed: 9,
    isAllowed: true,
  },
  fullKey: {
    title: 'a key with 1,000 hits of 1,000',
    windows: [{ name: 'minute', limit: 1_000, durationMs: MINUTE_MS }],
    principals: 1,
    unitsBefore: 1_000,
    unitsTimed: 5_000,
    isAllowed: false,
  },
  busyKeys: {
    title: '10 keys with 1,000 hits of 1,400',
    windows: [{ name: 'minute', limit: 1_400, durationMs: MINUTE_MS }],
    principals: 10,
    unitsBefore: 1_000,
    unitsTimed: 400,
    isAllowed: true,
  },
} as const satisfies Record<string, MemoryCase>;

export type MemoryCaseName = keyof typeof MEMORY_CASES;

/** One entry for each round. */
export type ByDecider<Name extends RedisName, Result> = Readonly<Record<Name, readonly Result[]>>;

export interface DecisionResults {
  readonly redis: ByDecider<RedisName, RedisRound>;
  /** Microseconds. */
  readonly memory: Readonly<Record<MemoryCaseName, ByDecider<DeciderName, number>>>;
}

interface DecisionContest {
  readonly redisUrl: string;
  readonly settings: Settings;
  readonly progress: (line: string) => void;
}

type Children<Name extends RedisName> = ReadonlyMap<Name, Child>;

/** Rounds that are played before it counts: until the code is compiled. */
const WARM_UPS = 3;

/** Decisions of each limiter in a process of its own, in rounds that take turns. @throws Error when one decides wrongly */
export async function runDecisionContest(contest: DecisionContest): Promise<DecisionResults> {
  const { redisUrl, settings, progress } = contest;
  const program = new URL('time-decisions.js', import.meta.url);
  const children = new Map(REDIS_NAMES.map((name) => [name, Child.start(program)]));
  const limiters = new Map(DECIDER_NAMES.flatMap((name) => entryOf(children, name)));
  try {
    for (const [name, child] of children) await child.ask('connect', { name, redisUrl });
    progress(`Redis: ${settings.rounds} rounds`);
    // The other end is time-decisions.ts, here and below.
    const redis = await takeTurns(children, settings.rounds, async (child) => {
      return (await child.ask('redisRound', settings.roundMs)) as RedisRound;
    });
    const memory = async (test: MemoryCase) => {
      progress(`Memory: ${test.title}, ${settings.memoryRounds} rounds`);
      return takeTurns(limiters, settings.memoryRounds, async (child, name) => {
        return (await child.ask('memoryRound', { name, test })) as number;
      });
    };
    return {
      redis,
      memory: {
        manyKeys: await memory(MEMORY_CASES.manyKeys),
        fullKey: await memory(MEMORY_CASES.fullKey),
        busyKeys: await memory(MEMORY_CASES.busyKeys),
      },
    };
  } finally {
    await Promise.all([...children.values()].map((child) => child.stop()));
  }
}

function entryOf(children: Children<RedisName>, name: DeciderName): [DeciderName, Child][] {
  const child = children.get(name);
  return child === undefined ? [] : [[name, child]];
}

async function takeTurns<Name extends RedisName, Result>(
  children: Children<Name>,
  rounds: number,
  play: (child: Child, name: Name) => Promise<Result>,
): Promise<ByDecider<Name, Result>> {
  const results = new Map([...children.keys()].map((name): [Name, Result[]] => [name, []]));
  for (let round = -WARM_UPS; round < rounds; round += 1) {
    for (const [name, child] of children) {
      const result = await play(child, name);
      if (round >= 0) results.get(name)?.push(result);
    }
  }
  // Every name has its entry.
  return Object.fromEntries(results) as Record<Name, Result[]>;
}
