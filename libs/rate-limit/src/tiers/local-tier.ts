import type { LimitedWindow } from './limited-window.js';
import type { Tier } from './tier.js';

/** What one of so many processes may let through by itself: its part of every limit, rounded down, and at least one unit. */
export function localTier(tier: Tier, instances: number): Tier {
  const part = (window: LimitedWindow): LimitedWindow => ({
    ...window,
    limit: Math.max(1, Math.floor(window.limit / instances)),
  });
  return { ...tier, windows: tier.windows.map(part), countedWindows: tier.countedWindows.map(part) };
}
