import type { INestApplication } from '@nestjs/common';
import type { ClerkSandbox } from 'clerk-sandbox';

import { EmbeddedClerk } from '../../apps/api/src/clerk/embedded-clerk.js';
import { type Environment, readEnvironment } from '../../apps/api/src/config/environment.js';
import { PrismaService } from '../../apps/api/src/database/prisma.service.js';
import { startService } from '../../apps/api/src/service.js';
import { backends, createTestDatabase } from './database.js';

export interface TestService {
  readonly app: INestApplication;
  readonly url: string;
  /** The offline Clerk that the service is on. */
  readonly clerk: ClerkSandbox;
  readonly prisma: PrismaService;
  readonly call: (path: string, request?: TestRequest) => Promise<TestAnswer>;
  readonly stop: () => Promise<void>;
}

export interface TestRequest {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is text or bytes. */
  readonly body?: unknown;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // The shape is what the test asserts.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** Where Redis takes longer, which it may on a busy machine, each process counts for itself. */
export const RATE_LIMIT_ANSWER_MS = '2000';

/** What a test file sends as one user, and all of them from one address, must not run into limits unless it is about them. */
const OUT_OF_REACH = {
  RATE_LIMIT_ANONYMOUS: '10000/s',
  RATE_LIMIT_FREE: '10000/s',
  RATE_LIMIT_PRO: '10000/s',
  RATE_LIMIT_ENTERPRISE: '10000/s',
  RATE_LIMIT_ANSWER_MS,
};

/** The whole service on a database of its own, listening on free ports, with its log off. */
export async function startTestService(overrides: Partial<Environment> = {}): Promise<TestService> {
  const database = await createTestDatabase();
  const redisUrls = backends === 'services' ? [process.env['TEST_REDIS_URL'] ?? ''] : [];
  const environment = {
    ...readEnvironment(OUT_OF_REACH),
    port: 0,
    sandboxPort: 0,
    redisUrls,
    database: database.options,
  };
  const { app, url } = await startService({ ...environment, ...overrides }, false);
  const clerk = app.get(EmbeddedClerk).sandbox;
  await clerk.webhooks.idle();
  return {
    app,
    url,
    clerk,
    prisma: app.get(PrismaService),
    call: (path, request) => call(`${url}${path}`, request),
    stop: async () => {
      await app.close();
      await database.drop();
    },
  };
}

export async function call(url: string, request: TestRequest = {}): Promise<TestAnswer> {
  const { token, body } = request;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url, {
    method: request.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}

/** Asks until the answer is what is waited for: what a webhook brings comes in its own time. */
export async function until<T>(ask: () => Promise<T>, isThere: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (isThere(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`Not there after 60 s: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
