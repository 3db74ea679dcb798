import { Inject, Module, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';

import { RateLimitExceptionFilter } from './answers/rate-limit-exception.filter.js';
import { Refusals } from './answers/refusals.js';
import { AuthenticationFailures } from './doors/authentication-failures.js';
import { RateLimitDoor } from './doors/rate-limit-door.js';
import { RateLimitHeaders } from './headers/rate-limit-headers.js';
import { Callers } from './identity/callers.js';
import { RateLimitEngine } from './limiter/rate-limit-engine.js';
import { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } from './rate-limit.module-definition.js';
import type { RateLimitModuleOptions, ResolvedOptions } from './rate-limit.options.js';
import { OPTIONS } from './rate-limit.tokens.js';
import { resolveOptions } from './resolve-options.js';

const monotonicMs = () => performance.now();

const providers: Provider[] = [
  {
    provide: OPTIONS,
    inject: [MODULE_OPTIONS_TOKEN],
    useFactory: (options: RateLimitModuleOptions) => resolveOptions(options),
  },
  {
    provide: RateLimitEngine,
    inject: [OPTIONS],
    useFactory: async ({ redis, instances, metrics }: ResolvedOptions) => {
      const engine = new RateLimitEngine({ redis, instances, metrics });
      await engine.start();
      return engine;
    },
  },
  { provide: Refusals, useFactory: () => Refusals.load() },
  {
    provide: Callers,
    inject: [OPTIONS],
    useFactory: (options: ResolvedOptions) => new Callers(options),
  },
  {
    provide: RateLimitDoor,
    inject: [RateLimitEngine, Callers, Refusals, OPTIONS],
    useFactory: (
      limiter: RateLimitEngine,
      callers: Callers,
      ...[refusals, { headers, skip }]: [Refusals, ResolvedOptions]
    ) => new RateLimitDoor({ limiter, callers, refusals, skip, headers: new RateLimitHeaders(headers) }),
  },
  {
    provide: AuthenticationFailures,
    inject: [RateLimitEngine, Callers, RateLimitDoor, OPTIONS],
    useFactory: (
      limiter: RateLimitEngine,
      callers: Callers,
      ...[door, { isPublic, metrics }]: [RateLimitDoor, ResolvedOptions]
    ) => {
      return new AuthenticationFailures({ limiter, callers, door, isPublic, metrics, nowMs: monotonicMs });
    },
  },
  { provide: APP_FILTER, useClass: RateLimitExceptionFilter },
];

/**
 * Rate limits by tier. Each registration has its own tiers, budgets and connection to Redis; several work side by side, then give
 * them `isGlobal: false`. At shutdown it gives back what it has leased, and disconnects.
 *
 * @throws RateLimitError TIERS_INVALID, OPTIONS_INVALID at boot, with every problem in one message
 */
@Module({ providers, exports: [RateLimitEngine, RateLimitDoor, AuthenticationFailures] })
export class RateLimitModule extends ConfigurableModuleClass implements OnApplicationShutdown {
  constructor(@Inject(RateLimitEngine) private readonly engine: RateLimitEngine) {
    super();
  }

  onApplicationShutdown(): Promise<void> {
    return this.engine.close();
  }
}
