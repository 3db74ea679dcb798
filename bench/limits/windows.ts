import type { LimitedWindow } from '../../libs/rate-limit/src/tiers/limited-window.js';
import { resolveTiers } from '../../libs/rate-limit/src/tiers/resolve-tiers.js';
import type { Tier } from '../../libs/rate-limit/src/tiers/tier.js';

/** What every contestant has to keep to. */
export type Windows = readonly Pick<LimitedWindow, 'name' | 'limit' | 'durationMs'>[];

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** The tier FREE. */
export const FREE: Windows = twoWindows(10, 1_000);

export function twoWindows(perMinute: number, perHour: number): Windows {
  return [
    { name: 'minute', limit: perMinute, durationMs: MINUTE_MS },
    { name: 'hour', limit: perHour, durationMs: HOUR_MS },
  ];
}

/** Every request is decided by itself: no units are leased, so that all contestants do the same work. */
export function tierOf(windows: Windows): Tier {
  const [tier] = resolveTiers({ caller: { windows, isLeased: false } });
  if (tier === undefined) throw new Error('There is no tier.');
  return tier;
}
