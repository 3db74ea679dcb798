import { RateLimitError } from '../rate-limit-error.js';
import { localTier } from './local-tier.js';
import { resolveTiers, type TierOptions, type WindowOptions } from './resolve-tiers.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const minute: WindowOptions = { name: 'minute', limit: 10, durationMs: MINUTE_MS };
const hour: WindowOptions = { name: 'hour', limit: 1_000, durationMs: HOUR_MS };

/** The message that refuses these tiers. */
function refusalOf(tiers: Readonly<Record<string, TierOptions>>): string {
  try {
    resolveTiers(tiers);
  } catch (error) {
    if (error instanceof RateLimitError && error.code === 'TIERS_INVALID') return error.message;
    throw error;
  }
  throw new Error('The tiers were taken.');
}

describe('resolveTiers', () => {
  it('fills in what is left out', () => {
    expect(
      resolveTiers({ FREE: { windows: [minute, hour] }, PRO: { windows: [{ ...minute, limit: 500 }] } }),
    ).toEqual([
      {
        name: 'FREE',
        windows: [
          { ...minute, algorithm: 'log' },
          { ...hour, algorithm: 'counter' },
        ],
        countedWindows: [],
        whenUnavailable: 'local',
        isLeased: false,
      },
      {
        name: 'PRO',
        windows: [{ ...minute, limit: 500, algorithm: 'log' }],
        countedWindows: [{ ...hour, algorithm: 'counter' }],
        whenUnavailable: 'local',
        isLeased: true,
      },
    ]);
  });

  it('keeps what is given', () => {
    const [tier] = resolveTiers({
      FREE: { windows: [{ ...minute, algorithm: 'counter' }], whenUnavailable: 'open', isLeased: true },
    });
    expect(tier).toMatchObject({
      windows: [{ algorithm: 'counter' }],
      whenUnavailable: 'open',
      isLeased: true,
    });
  });

  it.each([
    ['5 minutes are a log', 5 * MINUTE_MS, 10_000, 'log'],
    ['a millisecond more is a counter', 5 * MINUTE_MS + 1, 10_000, 'counter'],
    ['10,001 units are a counter', MINUTE_MS, 10_001, 'counter'],
    ['30 days are a counter', 30 * DAY_MS, 1_000_000_000, 'counter'],
  ])('%s', (_what, durationMs, limit, algorithm) => {
    const [tier] = resolveTiers({ FREE: { windows: [{ name: 'window', limit, durationMs }] } });
    expect(tier?.windows).toEqual([{ name: 'window', limit, durationMs, algorithm }]);
  });

  it('leases only where every limit is 500 or more', () => {
    const isLeased = (limits: readonly number[]) =>
      resolveTiers({
        TIER: {
          windows: limits.map((limit, index) => ({ name: `w${index}`, limit, durationMs: index + 1 })),
        },
      })[0]?.isLeased;
    expect([isLeased([500, 600]), isLeased([500, 499]), isLeased([499])]).toEqual([true, false, false]);
  });

  it('counts a window that two other tiers share once, at the larger limit', () => {
    const [first] = resolveTiers({
      A: { windows: [hour] },
      B: { windows: [{ ...minute, name: 'small' }] },
      C: { windows: [{ ...minute, name: 'large', limit: 30 }] },
    });
    expect(first?.countedWindows).toEqual([
      { name: 'large', limit: 30, durationMs: MINUTE_MS, algorithm: 'log' },
    ]);
  });

  it.each([
    ['no tier', {}, 'there is no tier'],
    ['a tier without windows', { FREE: { windows: [] } }, 'tier "FREE": it has no window'],
    ['a tier without a name', { '': { windows: [minute] } }, 'its name must be'],
    [
      'a limit of zero',
      { FREE: { windows: [{ ...minute, limit: 0 }] } },
      'limit must be an integer from 1 to 10000',
    ],
    ['a negative limit', { FREE: { windows: [{ ...minute, limit: -1 }] } }, 'limit must be'],
    ['a fractional limit', { FREE: { windows: [{ ...minute, limit: 1.5 }] } }, 'limit must be'],
    ['no number as limit', { FREE: { windows: [{ ...minute, limit: Number.NaN }] } }, 'limit must be'],
    [
      'a log of 10,001',
      { FREE: { windows: [{ ...minute, limit: 10_001, algorithm: 'log' as const }] } },
      'limit must be',
    ],
    ['too large a limit', { FREE: { windows: [{ ...hour, limit: 1_000_000_001 }] } }, 'from 1 to 1000000000'],
    ['a window of no time', { FREE: { windows: [{ ...minute, durationMs: 0 }] } }, 'durationMs must be'],
    ['a window over 30 days', { FREE: { windows: [{ ...minute, durationMs: 30 * DAY_MS + 1 }] } }, '30 days'],
    ['a window without a name', { FREE: { windows: [{ ...minute, name: '' }] } }, 'its name must be'],
    ['a name with a quote', { FREE: { windows: [{ ...minute, name: 'a"b' }] } }, 'its name must be'],
    [
      'two windows of one name',
      { FREE: { windows: [minute, { ...hour, name: 'minute' }] } },
      'two windows are named "minute"',
    ],
    [
      'two windows of one duration',
      { FREE: { windows: [minute, { ...minute, name: 'other' }] } },
      'log:60000',
    ],
  ])('refuses %s', (_what, tiers: Readonly<Record<string, TierOptions>>, said) => {
    expect(refusalOf(tiers)).toContain(said);
  });

  it.each([
    ['whenUnavailable', { FREE: { windows: [minute], whenUnavailable: 'maybe' } }],
    ['algorithm', { FREE: { windows: [{ ...minute, algorithm: 'guess' }] } }],
  ])('refuses a value of %s that it does not know', (name, tiers) => {
    // What a program without types, or a file, may give.
    expect(refusalOf(tiers as Readonly<Record<string, TierOptions>>)).toContain(`${name} must be`);
  });

  it('names every mistake at once, with its tier and window', () => {
    const said = refusalOf({
      FREE: { windows: [{ ...minute, limit: 0 }] },
      PRO: { windows: [] },
      TEAM: { windows: [{ ...hour, durationMs: -1, limit: 2.5 }] },
    });
    for (const part of [
      'tier "FREE": window "minute": limit',
      'tier "PRO": it has no window',
      'tier "TEAM": window "hour": limit',
      'tier "TEAM": window "hour": durationMs',
    ])
      expect(said).toContain(part);
  });
});

describe('localTier', () => {
  it('has its part of every limit, rounded down, and at least one unit', () => {
    const [tier] = resolveTiers({
      A: { windows: [minute, { ...hour, limit: 2 }] },
      B: { windows: [{ ...minute, durationMs: 1 }] },
    });
    const local = tier === undefined ? undefined : localTier(tier, 3);
    expect(local?.windows.map(({ limit }) => limit)).toEqual([3, 1]);
    expect(local?.countedWindows.map(({ limit }) => limit)).toEqual([3]);
  });
});
