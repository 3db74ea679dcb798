import autocannon from 'autocannon';

export const CONNECTIONS = 64;

/** Sends tokens in turn: every connection has its share of them, and goes on where it stopped. */
export class LoadGenerator {
  readonly #shares: readonly (readonly string[])[];
  readonly #positions: number[] = Array.from({ length: CONNECTIONS }, () => 0);

  constructor(
    private readonly url: string,
    tokens: readonly string[],
  ) {
    this.#shares = Array.from({ length: CONNECTIONS }, (_, connection) =>
      tokens.length < CONNECTIONS ? tokens : tokens.filter((_, index) => index % CONNECTIONS === connection),
    );
  }

  /** The tokens that are sent first in the next round. */
  next(): string[] {
    return this.#inOrder().flatMap(([first]) => (first === undefined ? [] : [first]));
  }

  /** @throws Error when any answer was not 2xx: then nothing was measured */
  async run(durationMs: number): Promise<{ requests: number; perSecond: number }> {
    const shares = this.#inOrder();
    const positions = this.#positions;
    let connections = 0;
    const run = autocannon({
      url: this.url,
      connections: CONNECTIONS,
      duration: durationMs / 1_000,
      sampleInt: 50,
      setupClient(client) {
        const connection = connections++;
        client.setRequests((shares[connection] ?? []).map(withToken));
        client.on('response', () => {
          positions[connection] = (positions[connection] ?? 0) + 1;
        });
      },
    });
    // From answer to answer: what the load takes to start and to stop does not count.
    let [requests, firstMs, lastMs] = [0, 0, 0];
    run.on('response', () => {
      requests += 1;
      lastMs = performance.now();
      if (requests === 1) firstMs = lastMs;
    });
    const { non2xx, errors, timeouts } = await run;
    if (non2xx + errors + timeouts > 0) {
      throw new Error(`${this.url}: ${non2xx} answers not 2xx, ${errors} errors, ${timeouts} timeouts.`);
    }
    // One more: the request that was under way when time was up.
    for (const [connection, position] of positions.entries()) positions[connection] = position + 1;
    return { requests, perSecond: ((requests - 1) * 1_000) / (lastMs - firstMs) };
  }

  #inOrder(): string[][] {
    return this.#shares.map((share, connection) => {
      const start = (this.#positions[connection] ?? 0) % share.length;
      return [...share.slice(start), ...share.slice(0, start)];
    });
  }
}

function withToken(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}
