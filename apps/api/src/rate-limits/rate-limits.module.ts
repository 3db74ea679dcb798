import { type DynamicModule, type ExecutionContext, Module } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Public } from 'nest-clerk';
import { RateLimitModule, type RateLimitModuleOptions } from 'nest-rate-tiers';

import { WEBHOOK_PATHS } from '../clerk/clerk-host.module.js';
import type { Environment } from '../config/environment.js';
import { PromRateLimitMetrics } from '../metrics/prom-rate-limit-metrics.js';
import { TierLookup } from '../users/tier-lookup.js';
import { TiersModule } from '../users/tiers.module.js';
import { CallIdentity } from './call-identity.js';
import { UntrustedForwarding } from './untrusted-forwarding.js';

/** The webhook endpoint belongs to a library that knows nothing of limits. Clerk sends in bursts, and signs. */
const WEBHOOK_ROUTES: ReadonlySet<string | undefined> = new Set(WEBHOOK_PATHS.map((path) => `/${path}`));

const reflector = new Reflector();

/** RateLimitModule on this service's users and Redis. */
@Module({})
export class RateLimitsModule {
  static register({ rateLimits, redisUrls, isProduction, trustedProxies }: Environment): DynamicModule {
    const { tiers, instances, answerMsMax, isPerOrganization } = rateLimits;
    return {
      module: RateLimitsModule,
      providers: isProduction && trustedProxies === null ? [UntrustedForwarding] : [],
      imports: [
        RateLimitModule.registerAsync({
          imports: [TiersModule],
          inject: [TierLookup, PromRateLimitMetrics],
          useFactory: (lookup: TierLookup, metrics: PromRateLimitMetrics): RateLimitModuleOptions => {
            const identity = new CallIdentity(lookup, isPerOrganization);
            return {
              tiers,
              instances,
              metrics,
              anonymousTier: 'ANONYMOUS',
              fallbackTier: 'FREE',
              identify: (context) => identity.of(context),
              skip: isWebhook,
              isPublic,
              ...(redisUrls.length === 0 ? {} : { redis: { target: redisUrls, answerMsMax } }),
            };
          },
        }),
      ],
    };
  }
}

function isWebhook(context: ExecutionContext): boolean {
  return WEBHOOK_ROUTES.has(context.getArgByIndex<FastifyRequest>(0).routeOptions.url);
}

function isPublic(context: ExecutionContext): boolean {
  return reflector.getAllAndOverride(Public, [context.getHandler(), context.getClass()]) === true;
}
