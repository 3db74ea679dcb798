import { RateLimitError } from '../rate-limit-error.js';
import type { LimitedWindow, WindowAlgorithm } from './limited-window.js';
import type { Tier, WhenUnavailable } from './tier.js';

const MINUTE_MS = 60_000;
const DURATION_MS_MAX = 30 * 24 * 60 * MINUTE_MS;
/** A log is 8 bytes a unit, and is read and written as a whole. */
const LOG_UNITS_MAX = 10_000;
/** Beyond what a number in Redis or here could be added up to, were it spent every millisecond of 30 days. */
const COUNTER_UNITS_MAX = 1_000_000_000;
const LEASED_FROM_UNITS = 500;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

export interface WindowOptions {
  /** Unique within its tier: 1–64 of `A–Z a–z 0–9 _ . -`. Clients see it in `RateLimit-Policy`. */
  readonly name: string;
  /** Units: an integer, 1–10,000 for a log, 1–1,000,000,000 for a counter. */
  readonly limit: number;
  /** Milliseconds: an integer, from 1 to 30 days. */
  readonly durationMs: number;
  /** @default 'log' up to 5 minutes and 10,000 units, else 'counter' */
  readonly algorithm?: WindowAlgorithm | undefined;
}

export interface TierOptions {
  /** At least one. No two may have the same name, nor the same duration and algorithm. */
  readonly windows: readonly WindowOptions[];
  /** @default 'local' */
  readonly whenUnavailable?: WhenUnavailable | undefined;
  /** @default true where every limit is 500 or more */
  readonly isLeased?: boolean | undefined;
}

/**
 * Tiers with everything filled in. Pure.
 *
 * @param tiers by name, in any number
 * @throws RateLimitError TIERS_INVALID naming every mistake, not only the first
 */
export function resolveTiers(tiers: Readonly<Record<string, TierOptions>>): readonly Tier[] {
  const problems = problemsOf(tiers);
  if (problems.length > 0) {
    throw new RateLimitError('TIERS_INVALID', `The tiers cannot be used: ${problems.join('; ')}.`);
  }
  const named = Object.entries(tiers).map(([name, options]) => ({
    name,
    options,
    windows: options.windows.map(resolveWindow),
  }));
  const largest = largestWindows(named.flatMap(({ windows }) => windows));
  return named.map(({ name, options, windows }) => {
    const own = new Set(windows.map(windowId));
    return {
      name,
      windows,
      countedWindows: largest.filter((window) => !own.has(windowId(window))),
      whenUnavailable: options.whenUnavailable ?? 'local',
      isLeased: options.isLeased ?? windows.every(({ limit }) => limit >= LEASED_FROM_UNITS),
    };
  });
}

/** What windows of several tiers share: where both have the same id, they count the same units. */
export function windowId({ algorithm, durationMs }: Pick<LimitedWindow, 'algorithm' | 'durationMs'>): string {
  return `${algorithm}:${durationMs}`;
}

function resolveWindow({ name, limit, durationMs, algorithm }: WindowOptions): LimitedWindow {
  const fitsLog = durationMs <= 5 * MINUTE_MS && limit <= LOG_UNITS_MAX;
  return { name, limit, durationMs, algorithm: algorithm ?? (fitsLog ? 'log' : 'counter') };
}

/** One for each id: the one with the largest limit, for no log need be longer than that. */
function largestWindows(windows: readonly LimitedWindow[]): readonly LimitedWindow[] {
  const largest = new Map<string, LimitedWindow>();
  for (const window of windows) {
    const id = windowId(window);
    if (window.limit > (largest.get(id)?.limit ?? 0)) largest.set(id, window);
  }
  return [...largest.values()];
}

function problemsOf(tiers: Readonly<Record<string, TierOptions>>): readonly string[] {
  const named = Object.entries(tiers ?? {});
  if (named.length === 0) return ['there is no tier: name at least one'];
  return named.flatMap(([name, options]) =>
    [...nameProblems(name), ...tierProblems(options ?? {})].map((problem) => `tier "${name}": ${problem}`),
  );
}

function nameProblems(name: string): readonly string[] {
  return NAME.test(name) ? [] : ['its name must be 1–64 of A–Z a–z 0–9 _ . -'];
}

/** Whoever has no compiler may leave out anything. */
function tierProblems({ windows: given, whenUnavailable }: Partial<TierOptions>): readonly string[] {
  const windows = Array.isArray(given) ? (given as TierOptions['windows']) : [];
  const policies: readonly unknown[] = [undefined, 'open', 'closed', 'local'];
  return [
    ...(policies.includes(whenUnavailable) ? [] : ['whenUnavailable must be open, closed or local']),
    ...(windows.length === 0 ? ['it has no window: give it at least one'] : []),
    ...windows.flatMap((window) =>
      windowProblems(window).map((problem) => `window "${window.name}": ${problem}`),
    ),
    ...repeated(windows.map(({ name }) => name)).map((name) => `two windows are named "${name}"`),
    ...repeated(windows.map((window) => windowId(resolveWindow(window)))).map(
      (id) => `two windows have the same duration and algorithm (${id}): keep the smaller one`,
    ),
  ];
}

function windowProblems(window: WindowOptions): readonly string[] {
  const { name, limit, durationMs, algorithm } = window;
  const limitMax = resolveWindow(window).algorithm === 'log' ? LOG_UNITS_MAX : COUNTER_UNITS_MAX;
  const algorithms: readonly unknown[] = [undefined, 'log', 'counter'];
  return [
    ...nameProblems(name),
    ...(isWhole(limit, limitMax) ? [] : [`limit must be an integer from 1 to ${limitMax}`]),
    ...(isWhole(durationMs, DURATION_MS_MAX)
      ? []
      : [`durationMs must be an integer from 1 to ${DURATION_MS_MAX} (30 days)`]),
    ...(algorithms.includes(algorithm) ? [] : ['algorithm must be log or counter']),
  ];
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max;
}

function repeated(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
