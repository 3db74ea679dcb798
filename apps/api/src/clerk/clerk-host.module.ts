import { type DynamicModule, Module } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';
import { ClerkModule, type ClerkModuleOptions } from 'nest-clerk';

import type { Environment } from '../config/environment.js';
import type { DatabaseOptions } from '../database/database-connection.js';
import { NoticeListener } from '../database/notice-listener.js';
import { PrismaService } from '../database/prisma.service.js';
import { PromWebhookMetrics } from '../metrics/prom-webhook-metrics.js';
import { REDIS } from '../redis/redis.module.js';
import { EmbeddedClerk } from './embedded-clerk.js';

/** Where Clerk's webhooks come in: the first is for new set-ups, the others for endpoints that are configured already. */
export const WEBHOOK_PATHS = ['webhooks/clerk', 'api/webhooks/clerk', 'api/webhook/clerk'];

/** ClerkModule on this service's database and Redis, against Clerk or the offline one. */
@Module({})
export class ClerkHostModule {
  static register({ isSandboxed, sandboxPort, database: options, kafka }: Environment): DynamicModule {
    const embedded = {
      provide: EmbeddedClerk,
      useFactory: () => (isSandboxed ? EmbeddedClerk.start(sandboxPort) : null),
    };
    return {
      module: ClerkHostModule,
      imports: [
        ClerkModule.registerAsync({
          webhookPath: WEBHOOK_PATHS,
          inject: [PrismaService, REDIS, EmbeddedClerk, PromWebhookMetrics],
          useFactory: (
            database: PrismaService,
            redis: Redis | Cluster | null,
            ...[clerk, webhookMetrics]: [EmbeddedClerk | null, PromWebhookMetrics]
          ): ClerkModuleOptions => ({
            ...clerk?.options,
            database,
            webhookMetrics,
            ...webhookOptions(options),
            ...(kafka === null ? {} : { webhookKafka: kafka }),
            ...(redis === null ? {} : { redis }),
          }),
        }),
      ],
      providers: [embedded],
      exports: [EmbeddedClerk],
      global: true,
    };
  }
}

/** The embedded database is this process's alone, and takes one transaction at a time. */
function webhookOptions(options: DatabaseOptions): ClerkModuleOptions {
  if (options.kind === 'embedded') return { webhookConcurrency: 1 };
  return {
    webhookListen: async (channel, onNotice) => {
      const listener = await NoticeListener.start({ url: options.url, channel, onNotice });
      return () => listener.stop();
    },
  };
}
