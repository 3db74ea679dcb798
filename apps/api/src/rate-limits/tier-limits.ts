import type { WindowOptions } from 'nest-rate-tiers';

const UNITS: Readonly<Record<string, { name: string; durationMs: number }>> = {
  s: { name: 'second', durationMs: 1_000 },
  min: { name: 'minute', durationMs: 60_000 },
  h: { name: 'hour', durationMs: 3_600_000 },
  d: { name: 'day', durationMs: 86_400_000 },
};

/** Reads `10/min,1000/h`: requests in a second (s), minute (min), hour (h) or day (d). Null for what is written in another way. */
export function parseLimits(text: string): readonly WindowOptions[] | null {
  const windows = text.split(',').map(parseWindow);
  const known = windows.filter((window) => window !== null);
  const isReadable = known.length === windows.length;
  return isReadable && new Set(known.map(({ name }) => name)).size === known.length ? known : null;
}

function parseWindow(text: string): WindowOptions | null {
  const [, limit, unit = ''] = /^\s*([1-9]\d{0,8})\/([a-z]+)\s*$/.exec(text) ?? [];
  const window = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  return window === undefined ? null : { ...window, limit: Number(limit) };
}
