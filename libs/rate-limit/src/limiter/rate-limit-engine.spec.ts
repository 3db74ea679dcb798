import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

import { Logger } from '@nestjs/common';

import { RateLimitError } from '../rate-limit-error.js';
import { RateLimitMetrics } from '../rate-limit-metrics.js';
import { resolveTiers } from '../tiers/resolve-tiers.js';
import { RateLimitEngine, type RateLimitEngineOptions } from './rate-limit-engine.js';

const [tier] = resolveTiers({ FREE: { windows: [{ name: 'minute', limit: 1, durationMs: 60_000 }] } });
if (tier === undefined) throw new Error('There is a tier.');

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof RateLimitError) return error.code;
    throw error;
  }
  return 'none';
}

describe('RateLimitEngine in one process', () => {
  it('answers at once, and is ready from the start until it is closed and after', async () => {
    const engine = new RateLimitEngine({ redis: null });
    await engine.start();
    expect(engine.isReady).toBe(true);
    expect(engine.decide({ principal: 'user:1', tier, cost: 1 })).toMatchObject({ outcome: 'allowed' });
    await engine.close();
  });

  it('tells each decision by tier and outcome', () => {
    const told: string[] = [];
    class Told extends RateLimitMetrics {
      override decided(name: string, outcome: string): void {
        told.push(`${name} ${outcome}`);
      }
    }
    const engine = new RateLimitEngine({ redis: null, metrics: new Told() });
    for (let sent = 0; sent < 2; sent += 1) void engine.decide({ principal: 'user:1', tier, cost: 1 });
    expect(told).toEqual(['FREE allowed', 'FREE limited']);
  });

  it('shares nothing with another one', () => {
    const [first, second] = [new RateLimitEngine({ redis: null }), new RateLimitEngine({ redis: null })];
    expect(first.decide({ principal: 'user:1', tier, cost: 1 })).toMatchObject({ outcome: 'allowed' });
    expect(second.decide({ principal: 'user:1', tier, cost: 1 })).toMatchObject({ outcome: 'allowed' });
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a cost of %d', (cost) => {
    const engine = new RateLimitEngine({ redis: null });
    expect(codeOf(() => engine.decide({ principal: 'user:1', tier, cost }))).toBe('COST_INVALID');
  });

  it('refuses to count nobody', () => {
    const engine = new RateLimitEngine({ redis: null });
    expect(codeOf(() => engine.decide({ principal: '', tier, cost: 1 }))).toBe('PRINCIPAL_INVALID');
  });

  it.each<[string, RateLimitEngineOptions]>([
    ['no instance', { redis: null, instances: 0 }],
    ['half an instance', { redis: null, instances: 1.5 }],
    ['no URL', { redis: { target: [] } }],
    // Compiles nowhere, and is written all the same.
    ['a URL that is no array', { redis: { target: 'redis://127.0.0.1' as never } }],
    ['no time for Redis', { redis: { target: ['redis://127.0.0.1'], answerMsMax: 0 } }],
    ['a prefix with a brace', { redis: { target: ['redis://127.0.0.1'], keyPrefix: 'limit:{' } }],
  ])('does not start with %s', (_what, options) => {
    expect(codeOf(() => new RateLimitEngine(options))).toBe('OPTIONS_INVALID');
  });
});

describe('RateLimitEngine without its Redis', () => {
  const closing: (() => unknown)[] = [];

  afterEach(async () => {
    import.meta.jest.restoreAllMocks();
    for (const close of closing.splice(0)) await close();
  });

  /** Says nothing to anybody. */
  async function muteServer(): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    return `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  // Nothing listens on port 1.
  it.each([
    ['that is not there', async () => ['redis://ada:secret@127.0.0.1:1'], 'ECONNREFUSED'],
    [
      'of which no node is there',
      async () => ['redis://127.0.0.1:1', 'redis://localhost:1'],
      'Connection is closed',
    ],
    ['that says nothing', async () => [await muteServer()], 'no answer'],
  ])('starts without one %s, and says so once, with the reason', async (_which, target, reason) => {
    const warn = import.meta.jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const engine = new RateLimitEngine({ redis: { target: await target() } });
    closing.push(() => engine.close());
    await engine.start();
    expect(engine.isReady).toBe(false);
    expect(engine.decide({ principal: 'user:1', tier, cost: 1 })).toMatchObject({ outcome: 'allowed' });
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/^Redis was not reached \(.+\): tiers follow whenUnavailable until it is\.$/),
    ]);
    expect(warn.mock.calls[0]?.[0]).toEqual(expect.stringMatching(reason));
    expect(warn.mock.calls[0]?.[0]).not.toContain('secret');
  });
});
