/** Presets by Clerk's names, or how lately (minutes, above 0) which factors must have been verified. */
export type Reverification = 'strict_mfa' | 'strict' | 'moderate' | 'lax' | ReverificationWindow;

export interface ReverificationWindow {
  readonly level: 'first_factor' | 'second_factor' | 'multi_factor';
  readonly afterMinutes: number;
}

/** Clerk's presets. https://clerk.com/docs/guides/secure/reverification */
const PRESETS: Readonly<Record<string, ReverificationWindow>> = {
  strict_mfa: { level: 'multi_factor', afterMinutes: 10 },
  strict: { level: 'second_factor', afterMinutes: 10 },
  moderate: { level: 'second_factor', afterMinutes: 60 },
  lax: { level: 'second_factor', afterMinutes: 1440 },
};

const LEVELS: ReadonlySet<string> = new Set(['first_factor', 'second_factor', 'multi_factor']);

/**
 * Turns a reverification into a test of the `fva` claim: minutes since the first and the second factor were verified,
 * -1 for a factor that the user does not have. Null when the reverification is not one that exists.
 */
export function compileReverification(reverification: unknown): ((fva: unknown) => boolean) | null {
  const window = toWindow(reverification);
  if (window === null) return null;
  const { level, afterMinutes } = window;
  const isFresh = (age: number) => age !== -1 && age < afterMinutes;
  return (fva) => {
    if (!isFactorAges(fva)) return false;
    const [first, second] = fva;
    if (level === 'first_factor' || second === -1) return isFresh(first);
    if (level === 'second_factor') return isFresh(second);
    return isFresh(first) && isFresh(second);
  };
}

function toWindow(value: unknown): ReverificationWindow | null {
  if (typeof value === 'string') return Object.hasOwn(PRESETS, value) ? (PRESETS[value] ?? null) : null;
  return isWindow(value) ? { level: value.level, afterMinutes: value.afterMinutes } : null;
}

function isWindow(value: unknown): value is ReverificationWindow {
  if (typeof value !== 'object' || value === null || !('level' in value) || !('afterMinutes' in value))
    return false;
  if (typeof value.level !== 'string' || !LEVELS.has(value.level)) return false;
  return typeof value.afterMinutes === 'number' && value.afterMinutes > 0;
}

function isFactorAges(value: unknown): value is readonly [number, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((age) => typeof age === 'number' && Number.isFinite(age) && (age === -1 || age >= 0))
  );
}
