import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ClerkError, ClerkService, Public } from 'nest-clerk';
import { SkipRateLimit } from 'nest-rate-tiers';

import { PromRateLimitMetrics } from './prom-rate-limit-metrics.js';
import { PromWebhookMetrics } from './prom-webhook-metrics.js';

@ApiTags('health')
@Public(true)
@SkipRateLimit()
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly webhooks: PromWebhookMetrics,
    private readonly rateLimits: PromRateLimitMetrics,
    private readonly clerk: ClerkService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Webhooks and rate limits in figures, as Prometheus text' })
  async read(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.header('content-type', this.webhooks.contentType);
    return [await this.webhooks.text(await this.backlog()), await this.rateLimits.text()].join('\n');
  }

  /** Null while the database does not answer: what this process has counted is told all the same. */
  private async backlog() {
    try {
      return await this.clerk.webhookBacklog();
    } catch (error) {
      if (error instanceof ClerkError) return null;
      throw error;
    }
  }
}
