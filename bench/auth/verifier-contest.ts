import { Child } from '../child.js';
import type { ClerkConnection } from './clerk-connection.js';
import type { Settings } from './settings.js';

/** Microseconds for each operation, one entry for each round, by verifier. */
export type VerifierResults = ReadonlyMap<string, readonly number[]>;

export interface VerifierContest {
  readonly clerk: ClerkConnection;
  /** More than nest-clerk remembers. */
  readonly tokens: readonly string[];
  readonly settings: Settings;
  readonly progress: (line: string) => void;
}

/** Time that each verifier takes, in rounds that take turns, all in one process. */
export async function runVerifierContest(contest: VerifierContest): Promise<VerifierResults> {
  const { clerk, tokens, settings, progress } = contest;
  const child = Child.start(new URL('time-verifiers.js', import.meta.url));
  try {
    // The other end is time-verifiers.ts, here and below.
    const names = (await child.ask('start', { clerk, tokens })) as string[];
    const measure = async (index: number) =>
      (await child.ask('round', { index, roundMs: settings.verifierRoundMs })) as number;
    progress('Verifiers: warm-up');
    for (let warmUp = 0; warmUp < 3; warmUp += 1) for (const index of names.keys()) await measure(index);
    const results = names.map((): number[] => []);
    for (let round = 0; round < settings.verifierRounds; round += 1) {
      progress(`Verifiers: round ${round + 1} of ${settings.verifierRounds}`);
      for (const [index, times] of results.entries()) times.push(await measure(index));
    }
    return new Map(names.map((name, index) => [name, results[index] ?? []]));
  } finally {
    await child.stop();
  }
}
