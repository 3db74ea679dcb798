import { Controller, Get, HttpStatus, Inject, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Cluster, Redis } from 'ioredis';
import { Public } from 'nest-clerk';

import { PrismaService } from '../database/prisma.service.js';
import { REDIS } from '../redis/redis.module.js';

type Check = 'up' | 'down' | 'embedded';

interface Readiness {
  /** `degraded`: everything is answered, at a higher cost. */
  readonly status: 'ready' | 'degraded' | 'unready';
  readonly checks: { readonly database: Check; readonly redis: Check };
}

/** An orchestrator asks every few seconds, and does not wait long. */
const ANSWER_MS_MAX = 2_000;

const READ_ONLY = `SELECT current_setting('transaction_read_only') AS "readOnly"`;

@ApiTags('health')
@Public(true)
@Controller('health')
export class HealthController {
  constructor(
    private readonly prisma: PrismaService,
    @Inject(REDIS) private readonly redis: Redis | Cluster | null,
  ) {}

  @Get('live')
  @ApiOperation({ summary: 'The process runs' })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'Requests can be answered: 503 while nothing can be stored' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const [database, redis] = await Promise.all([
      check(this.requireWritable()),
      this.redis === null ? ('embedded' as const) : check(this.redis.ping()),
    ]);
    if (database === 'down') reply.status(HttpStatus.SERVICE_UNAVAILABLE).header('retry-after', '5');
    const status = database === 'down' ? 'unready' : redis === 'down' ? 'degraded' : 'ready';
    return { status, checks: { database, redis } };
  }

  /** A database that only reads answers every question and stores no webhook. */
  private async requireWritable(): Promise<void> {
    const [row] = await this.prisma.$queryRawUnsafe<{ readOnly: string }[]>(READ_ONLY);
    if (row?.readOnly !== 'off') throw new Error('The database only reads.');
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
