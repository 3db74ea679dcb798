import { Controller, Get, Module, Param, type Type, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ClerkSandbox } from 'clerk-sandbox';
import { Redis } from 'ioredis';
import {
  AcceptTokens,
  ClerkAuthGuard,
  ClerkModule,
  type ClerkModuleOptions,
  ClerkService,
  Public,
} from 'nest-clerk';

import { call, type TestAnswer } from './service.js';

@Controller()
@UseGuards(ClerkAuthGuard)
class GuardedController {
  constructor(private readonly clerk: ClerkService) {}

  @Get()
  guarded() {
    return { ok: true };
  }

  @Get('machine')
  @AcceptTokens('m2m_token')
  machine() {
    return { ok: true };
  }

  @Get('sessions/:id')
  @Public(true)
  session(@Param('id') id: string) {
    return this.clerk.validateSession(id);
  }
}

export interface GuardedApp {
  readonly clerk: ClerkService;
  readonly get: (token?: string, path?: string) => Promise<TestAnswer>;
  /** Many at once. */
  readonly getAll: (tokens: readonly string[]) => Promise<TestAnswer[]>;
  readonly stop: () => Promise<void>;
}

/** The smallest service behind the guard, on Fastify and a free port, with the sandbox as its Clerk. */
export async function startGuardedApp(
  sandbox: ClerkSandbox,
  options: Partial<ClerkModuleOptions> = {},
): Promise<GuardedApp> {
  const { secretKey, publishableKey, url: apiUrl } = sandbox;
  @Module({
    imports: [ClerkModule.register({ secretKey, publishableKey, apiUrl, webhookPath: null, ...options })],
    controllers: [GuardedController],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule as Type, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const get = (token?: string, path = '') => call(`${url}/${path}`, token === undefined ? {} : { token });
  return {
    clerk: app.get(ClerkService),
    get,
    getAll: (tokens) => Promise.all(tokens.map((token) => get(token))),
    stop: () => app.close(),
  };
}

/** Ends what a test file has started, last first, all of it whatever fails. */
export async function closeAll(closing: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closing.toReversed()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
}

/** A connection as a service has it that must not wait for Redis. */
export function connectRedis(url: string): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    retryStrategy: () => 50,
  });
  redis.on('error', () => undefined);
  return redis;
}
