import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ClerkService, Public } from 'nest-clerk';
import { SkipRateLimit } from 'nest-rate-tiers';

import { PrismaService } from '../database/prisma.service.js';
import { RedisHealth } from '../redis/redis-health.js';

type Check = 'up' | 'down' | 'embedded';

interface Readiness {
  /** `degraded`: webhooks are stored, and what else can be is answered. */
  readonly status: 'ready' | 'degraded' | 'unready';
  readonly checks: { readonly database: Check; readonly redis: Check; readonly webhooks: Check };
}

/** An orchestrator asks every few seconds, and does not wait long. */
const ANSWER_MS_MAX = 2_000;

@ApiTags('health')
@Public(true)
@SkipRateLimit()
@Controller('health')
export class HealthController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly redis: RedisHealth,
    private readonly clerk: ClerkService,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Webhooks can be stored: 503 while they cannot' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const [database, redis, webhooks] = await Promise.all([
      check(this.prisma.$queryRawUnsafe('SELECT 1')),
      this.redis.isEmbedded ? ('embedded' as const) : check(this.redis.requireAnswer()),
      check(this.clerk.requireWebhookStorage()),
    ]);
    if (webhooks === 'down') reply.status(HttpStatus.SERVICE_UNAVAILABLE).header('retry-after', '5');
    const isWhole = database !== 'down' && redis !== 'down';
    const status = webhooks === 'down' ? 'unready' : isWhole ? 'ready' : 'degraded';
    return { status, checks: { database, redis, webhooks } };
  }
}

async function check(answer: Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(() => resolve('down'), ANSWER_MS_MAX);
  });
  const up = answer.then(
    () => 'up' as const,
    () => 'down' as const,
  );
  const result = await Promise.race([up, late]);
  clearTimeout(timer);
  return result;
}
