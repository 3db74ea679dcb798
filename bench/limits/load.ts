import autocannon from 'autocannon';

const CONNECTIONS = 64;

export interface Load {
  readonly url: string;
  /** Sent in turn, each by one connection; fewer than connections: all of them by every connection. */
  readonly callers: readonly string[];
  readonly durationMs: number;
  /** What every answer must be. */
  readonly status: number;
}

/** @throws Error when any answer was another one: then nothing was measured */
export async function runLoad(load: Load): Promise<{ requests: number; perSecond: number }> {
  const { url, callers, durationMs, status } = load;
  let connections = 0;
  let wrong = 0;
  // From answer to answer: what the load takes to start and to stop does not count.
  let [requests, firstMs, lastMs] = [0, 0, 0];
  const run = autocannon({
    url,
    connections: CONNECTIONS,
    duration: durationMs / 1_000,
    sampleInt: 50,
    setupClient(client) {
      client.setRequests(shareOf(callers, connections++).map(withCaller));
      client.on('response', (answered: number) => {
        if (answered !== status) wrong += 1;
        requests += 1;
        lastMs = performance.now();
        if (requests === 1) firstMs = lastMs;
      });
    },
  });
  const { errors, timeouts } = await run;
  if (wrong + errors + timeouts > 0) {
    throw new Error(`${url}: ${wrong} answers not ${status}, ${errors} errors, ${timeouts} timeouts.`);
  }
  return { requests, perSecond: ((requests - 1) * 1_000) / (lastMs - firstMs) };
}

function shareOf(callers: readonly string[], connection: number): readonly string[] {
  if (callers.length < CONNECTIONS) return callers;
  return callers.filter((_, index) => index % CONNECTIONS === connection);
}

function withCaller(caller: string): { headers: Record<string, string> } {
  return { headers: { authorization: caller } };
}
