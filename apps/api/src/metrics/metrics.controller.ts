import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ClerkError, ClerkService, Public } from 'nest-clerk';

import { PromWebhookMetrics } from './prom-webhook-metrics.js';

@ApiTags('health')
@Public(true)
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: PromWebhookMetrics,
    private readonly clerk: ClerkService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Webhooks in figures, as Prometheus text' })
  async read(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.header('content-type', this.metrics.contentType);
    return this.metrics.text(await this.backlog());
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
