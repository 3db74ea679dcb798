export { RateLimitException } from './answers/rate-limit-exception.js';
export type { RefusalBody, RefusalCode } from './answers/refusal.js';
export { countFailuresOf } from './doors/count-failures-of.js';
export { RateLimit, type RouteCost, SkipRateLimit } from './doors/rate-limit.decorators.js';
export { TierRateLimitGuard } from './doors/tier-rate-limit.guard.js';
export { TierRateLimitInterceptor } from './doors/tier-rate-limit.interceptor.js';
export type { HeaderDraft } from './headers/rate-limit-headers.js';
export type { Identify, RateLimitIdentity } from './identity/identity.js';
export type { Decision, WindowBudget } from './limiter/decision.js';
export {
  RateLimitEngine,
  type RateLimitEngineOptions,
  type RateLimitRedisOptions,
} from './limiter/rate-limit-engine.js';
export { type LimitRequest, RateLimiter } from './limiter/rate-limiter.js';
export { RateLimitError, type RateLimitErrorCode } from './rate-limit-error.js';
export { type BreakerState, RateLimitMetrics } from './rate-limit-metrics.js';
export { RateLimitModule } from './rate-limit.module.js';
export type { RateLimitModuleExtras } from './rate-limit.module-definition.js';
export type { RateLimitModuleOptions } from './rate-limit.options.js';
export type { LimitedWindow, WindowAlgorithm } from './tiers/limited-window.js';
export { resolveTiers, type TierOptions, type WindowOptions } from './tiers/resolve-tiers.js';
export type { Tier, WhenUnavailable } from './tiers/tier.js';
