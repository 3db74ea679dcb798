import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { ClerkAuthGuard } from 'nest-clerk';
import { countFailuresOf, TierRateLimitGuard } from 'nest-rate-tiers';

import { AssessmentsModule } from './assessments/assessments.module.js';
import { ChatModule } from './chat/chat.module.js';
import { ClerkHostModule } from './clerk/clerk-host.module.js';
import type { Environment } from './config/environment.js';
import { DatabaseModule } from './database/database.module.js';
import { HealthController } from './health/health.controller.js';
import { ConnectionDrain } from './http/connection-drain.js';
import { ProblemDetailsFilter } from './http/problem-details.filter.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { PlaygroundModule } from './playground/playground.module.js';
import { RateLimitsModule } from './rate-limits/rate-limits.module.js';
import { RedisHealth } from './redis/redis-health.js';
import { RedisModule } from './redis/redis.module.js';
import { UsersModule } from './users/users.module.js';

/** The whole service. Every route is guarded unless it says `@Public(true)`, and limited unless it says `@SkipRateLimit()`. */
@Module({})
export class AppModule {
  static register(environment: Environment): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
        DatabaseModule.register(environment.database),
        RedisModule.register(environment.redisUrls),
        MetricsModule,
        ClerkHostModule.register(environment),
        RateLimitsModule.register(environment),
        UsersModule,
        ChatModule.register(environment),
        PlaygroundModule.register(environment),
        AssessmentsModule,
      ],
      controllers: [HealthController],
      providers: [
        ConnectionDrain,
        RedisHealth,
        { provide: APP_GUARD, useClass: countFailuresOf(ClerkAuthGuard) },
        { provide: APP_GUARD, useClass: TierRateLimitGuard },
        { provide: APP_FILTER, useClass: ProblemDetailsFilter },
      ],
    };
  }
}
