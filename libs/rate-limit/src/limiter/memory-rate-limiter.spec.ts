import { resolveTiers, type TierOptions } from '../tiers/resolve-tiers.js';
import type { Tier } from '../tiers/tier.js';
import { MemoryRateLimiter } from './memory-rate-limiter.js';
import { describeRateLimiter } from './rate-limiter.contract.js';

describe('MemoryRateLimiter', () => {
  const tier = onlyTier({
    FREE: {
      windows: [
        { name: 'minute', limit: 2, durationMs: 60_000 },
        { name: 'hour', limit: 1_000, durationMs: 3_600_000 },
      ],
    },
  });

  function create(principalsMax = 100) {
    let nowMs = 0;
    const limiter = new MemoryRateLimiter({ principalsMax, nowMs: () => nowMs });
    const outcomeOf = (principal: string) => limiter.decide({ principal, tier, cost: 1 }).outcome;
    return { limiter, outcomeOf, advance: (ms: number) => (nowMs += ms) };
  }

  describeRateLimiter(() => create(), { runs: 300 });

  it('remembers no more principals than it was told, and forgets the longest unused', () => {
    const { limiter, outcomeOf, advance } = create(3);
    for (const principal of ['a', 'a', 'b', 'b', 'c', 'a', 'd']) {
      advance(1);
      outcomeOf(principal);
    }
    expect(limiter.principals).toBe(3);
    // `b` was forgotten for `d`, and is let through as if it were new; `a` is remembered.
    expect(outcomeOf('a')).toBe('limited');
    expect(outcomeOf('b')).toBe('allowed');
  });

  it('forgets one that has nothing spent any more before one that is longer unused', () => {
    let nowMs = 0;
    const hourly = onlyTier({ HOURLY: { windows: [{ name: 'hour', limit: 3, durationMs: 3_600_000 }] } });
    const limiter = new MemoryRateLimiter({ principalsMax: 3, nowMs: () => nowMs });
    const askAt = (atMs: number, principal: string) => {
      nowMs = atMs;
      return limiter.decide({ principal, tier: hourly, cost: 1 }).outcome;
    };
    askAt(0, 'a');
    askAt(1_000_000, 'b');
    // The second hour of `a` begins; `b` is still in its first.
    for (let sent = 0; sent < 3; sent += 1) askAt(3_600_000, 'a');
    askAt(4_500_000, 'b');
    askAt(4_590_000, 'c');
    // The hour of `b` has just ended.
    askAt(4_600_000, 'd');
    expect(askAt(4_600_000, 'a')).toBe('limited');
  });

  it('takes a bounded room for a million principals, and answers each', () => {
    const { limiter, outcomeOf } = create(1_000);
    let allowed = 0;
    for (let index = 0; index < 1_000_000; index += 1) {
      if (outcomeOf(`user:${index}`) === 'allowed') allowed += 1;
    }
    expect([allowed, limiter.principals]).toEqual([1_000_000, 1_000]);
    // A few microseconds each, where the machine has nothing else to do.
  }, 180_000);

  it('keeps those in use through a flood of principals that come once', () => {
    const { outcomeOf, advance } = create(100);
    const busy = Array.from({ length: 10 }, (_none, index) => `busy:${index}`);
    for (const principal of [...busy, ...busy]) outcomeOf(principal);
    for (let index = 0; index < 10_000; index += 1) {
      advance(0.001);
      outcomeOf(`once:${index}`);
      if (index % 10 === 0) busy.forEach(outcomeOf);
    }
    expect(busy.map(outcomeOf)).toEqual(busy.map(() => 'limited'));
  });
});

function onlyTier(tiers: Readonly<Record<string, TierOptions>>): Tier {
  const [tier] = resolveTiers(tiers);
  if (tier === undefined) throw new Error('There is no tier.');
  return tier;
}
