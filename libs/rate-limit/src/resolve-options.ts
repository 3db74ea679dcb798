import { HEADER_DRAFTS, type HeaderDraft } from './headers/rate-limit-headers.js';
import type { RateLimitRedisOptions } from './limiter/rate-limit-engine.js';
import { RateLimitError } from './rate-limit-error.js';
import { NoMetrics } from './rate-limit-metrics.js';
import type { RateLimitModuleOptions, ResolvedOptions } from './rate-limit.options.js';
import { resolveTiers } from './tiers/resolve-tiers.js';

/**
 * Fills in defaults and checks the options, but for those that the engine checks itself.
 *
 * @throws RateLimitError TIERS_INVALID, OPTIONS_INVALID, with every problem in one message; never a value of `redis`
 */
export function resolveOptions(options: RateLimitModuleOptions): ResolvedOptions {
  const tiers = new Map(resolveTiers(options.tiers).map((tier) => [tier.name, tier]));
  const anonymousTier = tiers.get(options.anonymousTier);
  const fallbackTier = tiers.get(options.fallbackTier);
  const problems = problemsOf(options, [...tiers.keys()]);
  if (anonymousTier === undefined || fallbackTier === undefined || problems.length > 0) {
    const lines = problems.map((problem) => `  - ${problem}`).join('\n');
    throw new RateLimitError('OPTIONS_INVALID', `RateLimitModule is not set up right:\n${lines}`);
  }
  return {
    identify: () => null,
    skip: () => false,
    isPublic: () => false,
    metrics: new NoMetrics(),
    redis: null,
    ...options,
    headers: { draft: 10, legacy: false, ...options.headers },
    tiers,
    // Nobody changes from an address to another tier: what an address does need not be known for longer than its own windows.
    anonymousTier: { ...anonymousTier, countedWindows: [] },
    fallbackTier,
  };
}

function problemsOf(options: RateLimitModuleOptions, tierNames: readonly string[]): readonly string[] {
  const { anonymousTier, fallbackTier, redis, headers: { draft = 10 } = {} } = options;
  const drafts: readonly (HeaderDraft | null)[] = [...HEADER_DRAFTS, null];
  const rules: readonly (readonly [isKept: boolean, problem: string])[] = [
    [tierNames.includes(anonymousTier), `anonymousTier must be one of the tiers ${tierNames.join(', ')}`],
    [tierNames.includes(fallbackTier), `fallbackTier must be one of the tiers ${tierNames.join(', ')}`],
    [drafts.includes(draft), `headers.draft must be ${HEADER_DRAFTS.join(', ')} or null`],
    [
      redis === undefined || isRedisTarget(redis.target),
      'redis.target must be URLs that start with redis:// or rediss://, at least one, or a function that connects',
    ],
  ];
  return rules.filter(([isKept]) => !isKept).map(([, problem]) => problem);
}

function isRedisTarget(target: RateLimitRedisOptions['target']): boolean {
  if (!Array.isArray(target)) return typeof target === 'function';
  return target.length > 0 && target.every((url) => /^rediss?:\/\/\S+$/.test(url));
}
