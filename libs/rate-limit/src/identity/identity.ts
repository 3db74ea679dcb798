import type { ExecutionContext } from '@nestjs/common';

/** Who makes a call. */
export interface RateLimitIdentity {
  /** Whose budget is spent: `user_1`. Any text; two callers with the same share one budget. */
  readonly principal: string;
  /** Name of a tier. */
  readonly tier: string;
}

/** Says who makes a call; null for somebody who is known by his address only. Best not a promise where the answer is at hand. */
export type Identify = (
  context: ExecutionContext,
) => RateLimitIdentity | null | PromiseLike<RateLimitIdentity | null>;
