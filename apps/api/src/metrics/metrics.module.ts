import { Global, Module } from '@nestjs/common';

import { MetricsController } from './metrics.controller.js';
import { PromRateLimitMetrics } from './prom-rate-limit-metrics.js';
import { PromWebhookMetrics } from './prom-webhook-metrics.js';

@Global()
@Module({
  controllers: [MetricsController],
  providers: [PromWebhookMetrics, PromRateLimitMetrics],
  exports: [PromWebhookMetrics, PromRateLimitMetrics],
})
export class MetricsModule {}
