import { Child } from '../child.js';

export interface Outage {
  /** Milliseconds that the first request took after Redis was lost, and the one after it. */
  readonly firstMs: number;
  readonly nextMs: number;
}

/** One entry for each round. */
export interface OutageResults {
  readonly refused: readonly Outage[];
  readonly hung: readonly Outage[];
}

const ROUNDS = 9;

/** How long requests wait when Redis has gone, or is there and says nothing. */
export async function runOutageContest(progress: (line: string) => void): Promise<OutageResults> {
  progress(`Redis lost, ${ROUNDS} times`);
  const child = Child.start(new URL('lose-redis.js', import.meta.url));
  const outages = async (kind: 'refused' | 'hung') => {
    const results: Outage[] = [];
    // The other end is lose-redis.ts.
    while (results.length < ROUNDS) results.push((await child.ask(kind)) as Outage);
    return results;
  };
  try {
    return { refused: await outages('refused'), hung: await outages('hung') };
  } finally {
    await child.stop();
  }
}
