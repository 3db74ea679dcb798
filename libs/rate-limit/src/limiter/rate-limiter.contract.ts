import { randomUUID } from 'node:crypto';

import fc from 'fast-check';

import { resolveTiers, type TierOptions } from '../tiers/resolve-tiers.js';
import type { Tier } from '../tiers/tier.js';
import type { Decision } from './decision.js';
import { ExactModel } from './exact-model.contract.js';
import type { RateLimiter } from './rate-limiter.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export interface LimiterUnderTest {
  readonly limiter: RateLimiter;
  /** Lets so much time pass on the limiter's clock, and on no other. */
  readonly advance: (ms: number) => void;
}

export interface RateLimiterContractOptions {
  /** Arrival patterns that are tried. */
  readonly runs: number;
  /**
   * Whether what is answered at once is a refusal told again. It tells of the windows that were violated when it was decided, and of no
   * others; and a request of more units may have to wait for longer than it says. @default false
   */
  readonly tellsRefusalsAgain?: boolean;
}

const TIERS: Readonly<Record<string, TierOptions>> = {
  SMALL: {
    windows: [
      { name: 'minute', limit: 3, durationMs: MINUTE_MS },
      { name: 'hour', limit: 8, durationMs: HOUR_MS },
    ],
  },
  LARGE: { windows: [{ name: 'minute', limit: 12, durationMs: MINUTE_MS }] },
  TWO_LOGS: {
    windows: [
      { name: 'burst', limit: 2, durationMs: 10_000 },
      { name: 'minute', limit: 5, durationMs: MINUTE_MS },
    ],
  },
};

/** Tiers of the contract by name. */
function tierOf(name: string): Tier {
  const tier = resolveTiers(TIERS).find((candidate) => candidate.name === name);
  if (tier === undefined) throw new Error(`There is no tier ${name}.`);
  return tier;
}

/** What every rate limiter must hold to. */
export function describeRateLimiter(
  create: () => LimiterUnderTest,
  { runs, tellsRefusalsAgain = false }: RateLimiterContractOptions,
): void {
  const [small, large, twoLogs] = [tierOf('SMALL'), tierOf('LARGE'), tierOf('TWO_LOGS')];

  /** A principal of its own, and what it is told. */
  function start(principal = `user:${randomUUID()}`) {
    const { limiter, advance } = create();
    const decide = (tier: Tier, cost: number) => limiter.decide({ principal, tier, cost });
    const ask = async (tier: Tier, cost = 1): Promise<Decision> => decide(tier, cost);
    const outcomes = async (tier: Tier, requests: number): Promise<string> => {
      let letters = '';
      for (let sent = 0; sent < requests; sent += 1)
        letters += (await ask(tier)).outcome === 'allowed' ? 'A' : 'L';
      return letters;
    };
    return { decide, ask, outcomes, advance, limiter };
  }

  it('tells the first request the whole of every window, but for what it spends', async () => {
    const { ask } = start();
    expect(await ask(small)).toEqual({
      outcome: 'allowed',
      budgets: [
        { name: 'minute', limit: 3, durationMs: MINUTE_MS, remaining: 2, resetMs: MINUTE_MS },
        { name: 'hour', limit: 8, durationMs: HOUR_MS, remaining: 7, resetMs: HOUR_MS },
      ],
    });
  });

  it('admits the limit, and not one more', async () => {
    const { outcomes, ask, advance } = start();
    expect(await outcomes(small, 3)).toBe('AAA');
    advance(1_000);
    expect(await ask(small)).toEqual({
      outcome: 'limited',
      violated: ['minute'],
      retryAfterMs: 59_000,
      budgets: [
        { name: 'minute', limit: 3, durationMs: MINUTE_MS, remaining: 0, resetMs: 59_000 },
        { name: 'hour', limit: 8, durationMs: HOUR_MS, remaining: 5, resetMs: HOUR_MS - 1_000 },
      ],
    });
  });

  it('admits exactly the limit of requests that come at once', async () => {
    const { ask } = start();
    const decisions = await Promise.all(Array.from({ length: 40 }, () => ask(large)));
    expect(decisions.filter(({ outcome }) => outcome === 'allowed')).toHaveLength(12);
    expect(decisions.filter(({ outcome }) => outcome === 'limited')).toHaveLength(28);
  });

  it('gives a log its units back one by one, each at the end of its own stretch', async () => {
    const { outcomes, advance } = start();
    expect(await outcomes(small, 1)).toBe('A');
    advance(20_000);
    expect(await outcomes(small, 3)).toBe('AAL');
    advance(39_999);
    expect(await outcomes(small, 1)).toBe('L');
    advance(1);
    expect(await outcomes(small, 2)).toBe('AL');
    advance(20_000);
    expect(await outcomes(small, 3)).toBe('AAL');
  });

  it('begins a counter anew once it has run its time from the first unit on', async () => {
    const { outcomes, advance, ask } = start();
    expect(await outcomes(small, 3)).toBe('AAA');
    advance(MINUTE_MS);
    expect(await outcomes(small, 3)).toBe('AAA');
    advance(MINUTE_MS);
    expect(await outcomes(small, 3)).toBe('AAL');
    expect(await ask(small)).toMatchObject({ violated: ['hour'], retryAfterMs: HOUR_MS - 2 * MINUTE_MS });
    advance(HOUR_MS - 2 * MINUTE_MS - 1);
    expect(await outcomes(small, 1)).toBe('L');
    advance(1);
    expect(await outcomes(small, 4)).toBe('AAAL');
  });

  it('spends nothing in any window on a request that it refuses', async () => {
    const { outcomes, advance, ask } = start();
    expect(await outcomes(small, 20)).toBe(`AAA${'L'.repeat(17)}`);
    advance(MINUTE_MS);
    expect(await ask(small)).toMatchObject({
      outcome: 'allowed',
      budgets: [{ remaining: 2 }, { remaining: 4 }],
    });
  });

  it('names every window that a request does not fit into, and waits for the last of them', async () => {
    const { ask, advance } = start();
    await ask(twoLogs, 2);
    advance(10_000);
    await ask(twoLogs, 2);
    expect(await ask(twoLogs, 2)).toMatchObject({ violated: ['burst', 'minute'], retryAfterMs: 50_000 });
    expect(await ask(twoLogs)).toMatchObject({ violated: ['burst'], retryAfterMs: 10_000 });
  });

  it('charges what a request costs, and refuses one that costs more than is left', async () => {
    const { ask } = start();
    expect(await ask(large, 7)).toMatchObject({ outcome: 'allowed', budgets: [{ remaining: 5 }] });
    expect(await ask(large, 6)).toMatchObject({ outcome: 'limited', budgets: [{ remaining: 5 }] });
    expect(await ask(large, 5)).toMatchObject({ outcome: 'allowed', budgets: [{ remaining: 0 }] });
  });

  it.each([13, 1_000_000_000])(
    'never fits a request of %i units into 12: it is told a whole window',
    async (cost) => {
      const { ask } = start();
      expect(await ask(large, cost)).toMatchObject({ outcome: 'limited', retryAfterMs: MINUTE_MS });
      expect(await ask(large)).toMatchObject({ outcome: 'allowed', budgets: [{ remaining: 11 }] });
    },
  );

  it('gives a principal whose tier is raised the larger limit at once, less what is spent', async () => {
    const { outcomes, ask } = start();
    expect(await outcomes(small, 4)).toBe('AAAL');
    expect(await ask(large)).toMatchObject({ outcome: 'allowed', budgets: [{ limit: 12, remaining: 8 }] });
  });

  it('forgives nothing when a tier is lowered, nor what was spent in a window that the other tier has not got', async () => {
    const { outcomes, ask, advance } = start();
    expect(await outcomes(large, 12)).toBe('A'.repeat(12));
    expect(await ask(small)).toMatchObject({
      violated: ['minute', 'hour'],
      budgets: [{ remaining: 0 }, { remaining: 0 }],
    });
    advance(MINUTE_MS);
    expect(await ask(small)).toMatchObject({ violated: ['hour'], retryAfterMs: HOUR_MS - MINUTE_MS });
  });

  it('keeps principals apart', async () => {
    const { outcomes, limiter } = start();
    expect(await outcomes(small, 4)).toBe('AAAL');
    const other = await limiter.decide({ principal: `user:${randomUUID()}`, tier: small, cost: 1 });
    expect(other).toMatchObject({ outcome: 'allowed', budgets: [{ remaining: 2 }, { remaining: 7 }] });
  });

  it.each([
    ['is 10 kB long', (id: string) => `${id}${'x'.repeat(10_000)}`],
    ['has braces', (id: string) => `}{${id}}{`],
    ['has line breaks and NUL', (id: string) => `${id}\r\n\0`],
    ['is not Latin', (id: string) => `${id}пользователь🙂`],
  ])(
    'limits a principal that %s like any other, and apart from those like it',
    async (_what, principalOf) => {
      const { limiter, outcomes } = start(principalOf(randomUUID()));
      expect(await outcomes(small, 4)).toBe('AAAL');
      const likeIt = { principal: principalOf(randomUUID()), tier: small, cost: 1 };
      expect(await limiter.decide(likeIt)).toMatchObject({
        outcome: 'allowed',
        budgets: [{ remaining: 2 }, { remaining: 7 }],
      });
    },
  );

  it('decides like an exact log whatever the pattern of arrivals, costs and tiers', async () => {
    const gapMs = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(0, 1, 9_999, 10_000, 10_001, 59_999, MINUTE_MS, MINUTE_MS + 1),
      },
      { weight: 1, arbitrary: fc.constantFrom(HOUR_MS / 2, HOUR_MS - 1, HOUR_MS) },
    );
    const arrival = fc.record({
      gapMs,
      cost: fc.integer({ min: 1, max: 4 }),
      tier: fc.constantFrom(small, small, large, twoLogs),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 60 }), async (arrivals) => {
        const { decide, advance } = start();
        const model = new ExactModel();
        let atMs = 0;
        for (const { gapMs: ms, cost, tier } of arrivals) {
          advance(ms);
          atMs += ms;
          const { waits, remaining } = model.decide(tier, cost, atMs);
          const answer = decide(tier, cost);
          const violated = Object.keys(waits);
          const budgets = remaining.map((units) => ({ remaining: units }));
          const retryAfterMs = Math.max(...Object.values(waits));
          if (tellsRefusalsAgain && !(answer instanceof Promise)) {
            const told = answer.outcome === 'limited' ? answer.retryAfterMs : Number.NaN;
            expect(told).toBeGreaterThan(0);
            expect(told).toBeLessThanOrEqual(retryAfterMs);
            continue;
          }
          expect(await answer).toMatchObject(
            violated.length === 0
              ? { outcome: 'allowed', budgets }
              : { outcome: 'limited', violated, retryAfterMs, budgets },
          );
        }
      }),
      { numRuns: runs },
    );
  });
}
