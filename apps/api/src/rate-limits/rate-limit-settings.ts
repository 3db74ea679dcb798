import { resolveTiers, type TierOptions } from 'nest-rate-tiers';

import type { Tier } from '../users/tier.js';
import { parseLimits } from './tier-limits.js';

/** Who is known by an address only has a tier of his own. */
export type LimitedTier = Tier | 'ANONYMOUS';

export interface RateLimitSettings {
  readonly tiers: Readonly<Record<LimitedTier, TierOptions>>;
  /** Whether the members of the active organisation share its budget, in place of each having one. */
  readonly isPerOrganization: boolean;
  /** How many processes share the budgets. */
  readonly instances: number;
  /** How long a request waits for Redis, milliseconds. */
  readonly answerMsMax: number;
}

/** By the variable that overrides it. */
export const DEFAULT_LIMITS = {
  RATE_LIMIT_ANONYMOUS: '60/min',
  RATE_LIMIT_FREE: '10/min,1000/h',
  RATE_LIMIT_PRO: '100/min',
  RATE_LIMIT_ENTERPRISE: '1000/min',
} as const;

export type LimitVariable = keyof typeof DEFAULT_LIMITS;

/** What is wrong with a variable's limits; null when nothing is. */
export function limitsProblem(text: string): string | null {
  const windows = parseLimits(text);
  if (windows === null) {
    return 'must be requests by s, min, h or d, each once, such as 10/min,1000/h';
  }
  try {
    resolveTiers({ tier: { windows } });
    return null;
  } catch (error) {
    return error instanceof Error ? `is out of bounds: ${error.message}` : 'is out of bounds';
  }
}

/** Tiers of limits that have no problem. */
export function tiersOf(limits: Readonly<Record<LimitVariable, string>>): RateLimitSettings['tiers'] {
  const tier = (variable: LimitVariable): TierOptions => ({
    windows: parseLimits(limits[variable]) ?? [],
    whenUnavailable: 'local',
  });
  return {
    ANONYMOUS: tier('RATE_LIMIT_ANONYMOUS'),
    FREE: tier('RATE_LIMIT_FREE'),
    PRO: tier('RATE_LIMIT_PRO'),
    ENTERPRISE: tier('RATE_LIMIT_ENTERPRISE'),
  };
}
