import { Global, Module } from '@nestjs/common';

import { MetricsController } from './metrics.controller.js';
import { PromWebhookMetrics } from './prom-webhook-metrics.js';

@Global()
@Module({
  controllers: [MetricsController],
  providers: [PromWebhookMetrics],
  exports: [PromWebhookMetrics],
})
export class MetricsModule {}
