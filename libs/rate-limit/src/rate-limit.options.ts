import type { ExecutionContext } from '@nestjs/common';

import type { HeaderDraft, RateLimitHeadersOptions } from './headers/rate-limit-headers.js';
import type { CallerOptions } from './identity/callers.js';
import type { Identify } from './identity/identity.js';
import type { RateLimitRedisOptions } from './limiter/rate-limit-engine.js';
import type { RateLimitMetrics } from './rate-limit-metrics.js';
import type { TierOptions } from './tiers/resolve-tiers.js';

/** Options of `RateLimitModule.register()`. */
export interface RateLimitModuleOptions {
  /** By name, in any number. Units a request spends: 1, or what `@RateLimit({ cost })` says. */
  readonly tiers: Readonly<Record<string, TierOptions>>;
  /** Name of the tier of those who are known by their address only, and of failed sign-ins. */
  readonly anonymousTier: string;
  /** Name of the tier that is taken where `identify` names one that does not exist; logged once for each name. */
  readonly fallbackTier: string;
  /**
   * Who makes a call, on which tier; null for somebody who is known by his address only. Where it throws, the call is answered
   * 503 `RATE_LIMIT_UNAVAILABLE`, unless what it throws is an HttpException. @default everybody is known by his address only
   */
  readonly identify?: Identify;
  /** Calls that are neither counted nor refused, beside those with `@SkipRateLimit()`: routes of other libraries. @default none */
  readonly skip?: (context: ExecutionContext) => boolean;
  /**
   * Calls that the auth guard lets through without looking at credentials: they are answered though their address has failed to
   * sign in too often. Asked only while one has. @default none
   */
  readonly isPublic?: (context: ExecutionContext) => boolean;
  /** Shares budgets between processes. Left out: each process counts for itself. */
  readonly redis?: RateLimitRedisOptions;
  /** How many processes share the budgets, integer, 1–10,000: leases, and limits without Redis, are divided by it. @default 1 */
  readonly instances?: number;
  readonly headers?: {
    /** Revision of the IETF draft in whose syntax `RateLimit-Policy` and `RateLimit` are written; null for neither. @default 10 */
    readonly draft?: HeaderDraft | null;
    /** Whether `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds) tell of the tightest window. @default false */
    readonly legacy?: boolean;
  };
  /** Where decisions are counted. @default nowhere */
  readonly metrics?: RateLimitMetrics;
}

/** The options as the code reads them: complete and checked. */
export interface ResolvedOptions extends CallerOptions, Pick<RateLimitModuleOptions, 'instances'> {
  readonly skip: (context: ExecutionContext) => boolean;
  readonly isPublic: (context: ExecutionContext) => boolean;
  readonly metrics: RateLimitMetrics;
  readonly redis: RateLimitRedisOptions | null;
  readonly headers: RateLimitHeadersOptions;
}
