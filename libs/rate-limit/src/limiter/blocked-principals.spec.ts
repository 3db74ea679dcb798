import { resolveTiers } from '../tiers/resolve-tiers.js';
import { BlockedPrincipals } from './blocked-principals.js';
import type { LimitRequest } from './rate-limiter.js';

const [free, pro] = resolveTiers({
  FREE: { windows: [{ name: 'minute', limit: 10, durationMs: 60_000 }] },
  PRO: { windows: [{ name: 'minute', limit: 100, durationMs: 60_000 }] },
});
if (free === undefined || pro === undefined) throw new Error('There are two tiers.');

const decision = {
  outcome: 'limited' as const,
  budgets: [{ name: 'minute', limit: 10, durationMs: 60_000, remaining: 1, resetMs: 500 }],
  violated: ['minute'],
  retryAfterMs: 1_000,
};
const request: LimitRequest = { principal: 'user:1', tier: free, cost: 2 };

function blockedAt(atMs: number, principalsMax = 10): BlockedPrincipals {
  const blocked = new BlockedPrincipals(principalsMax);
  blocked.add(request, decision, atMs);
  return blocked;
}

describe('BlockedPrincipals', () => {
  it('says the decision again, less the time that has passed', () => {
    expect(blockedAt(5_000).find(request, 5_600)).toEqual({
      ...decision,
      budgets: [{ ...decision.budgets[0], resetMs: 1 }],
      retryAfterMs: 400,
    });
  });

  it('holds nobody for longer than was said, a millisecond less for its rounding', () => {
    const blocked = blockedAt(5_000);
    expect(blocked.find(request, 5_998.9)).toMatchObject({ outcome: 'limited', retryAfterMs: 2 });
    expect(blocked.find(request, 5_999)).toBeNull();
    expect(blocked.size).toBe(0);
  });

  it('is trusted for 2 seconds at most: units may be given back elsewhere, or be forgotten', () => {
    const blocked = new BlockedPrincipals(10);
    blocked.add(request, { ...decision, retryAfterMs: 30 * 24 * 3_600_000 }, 5_000);
    expect(blocked.find(request, 6_999)).toMatchObject({ retryAfterMs: 30 * 24 * 3_600_000 - 1_999 });
    expect(blocked.find(request, 7_000)).toBeNull();
    expect(blocked.size).toBe(0);
  });

  it('says nothing again of windows that were not violated', () => {
    const blocked = new BlockedPrincipals(10);
    const hour = { name: 'hour', limit: 1_000, durationMs: 3_600_000, remaining: 990, resetMs: 3_000_000 };
    blocked.add(request, { ...decision, budgets: [...decision.budgets, hour] }, 0);
    expect(blocked.find(request, 1)?.budgets.map(({ name }) => name)).toEqual(['minute']);
  });

  it.each([
    ['another principal', { ...request, principal: 'user:2' }, null],
    ['another tier: it may have been raised', { ...request, tier: pro }, null],
    ['fewer units: they may fit', { ...request, cost: 1 }, null],
    ['more units', { ...request, cost: 3 }, 'limited'],
  ])('knows of %s what it can know', (_what, asked, outcome) => {
    expect(blockedAt(0).find(asked, 1)?.outcome ?? null).toBe(outcome);
  });

  it('holds so many, the first one going', () => {
    const blocked = blockedAt(0, 2);
    for (const principal of ['user:2', 'user:1', 'user:3'])
      blocked.add({ ...request, principal }, decision, 0);
    expect(blocked.size).toBe(2);
    const known = ['user:1', 'user:2', 'user:3'].filter((principal) =>
      blocked.find({ ...request, principal }, 1),
    );
    expect(known).toEqual(['user:1', 'user:3']);
  });

  it('forgets whom it is told to', () => {
    const blocked = blockedAt(0);
    blocked.delete('user:1');
    expect(blocked.find(request, 1)).toBeNull();
  });
});
