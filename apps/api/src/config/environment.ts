import { join } from 'node:path';

import { z } from 'zod';

import type { DatabaseOptions } from '../database/database-connection.js';
import { kafkaOptions, type KafkaOptions } from '../kafka/kafka-options.js';
import {
  DEFAULT_LIMITS,
  limitsProblem,
  type LimitVariable,
  type RateLimitSettings,
  tiersOf,
} from '../rate-limits/rate-limit-settings.js';
import { parseTrustedProxies, type TrustedProxies } from './trusted-proxies.js';

/** An empty variable is one that is not set: that is what `NAME=` in a file or a compose file means. */
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional());
const wholeNumber = (fallback: number, min: number, max: number) =>
  z.preprocess(
    (value) => (value === '' || value === undefined ? fallback : Number(value)),
    z
      .int('must be a whole number')
      .min(min, `must be from ${min} to ${max}`)
      .max(max, `must be from ${min} to ${max}`),
  );
const port = (fallback: number) => wholeNumber(fallback, 0, 65_535);
const url = (...schemes: string[]) =>
  text.refine(
    (value) => value === undefined || (URL.canParse(value) && schemes.includes(new URL(value).protocol)),
    `must be a URL that starts with ${schemes.join('// or ')}//`,
  );
const limits = (variable: LimitVariable) =>
  text
    .transform((value) => value ?? DEFAULT_LIMITS[variable])
    .superRefine((value, context) => {
      const problem = limitsProblem(value);
      if (problem !== null) context.addIssue(problem);
    });

const schema = z.object({
  NODE_ENV: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z
      .enum(['development', 'test', 'production'], 'must be development, test or production')
      .default('development'),
  ),
  HOST: text,
  PORT: port(3000),
  SANDBOX_PORT: port(4100),
  DATABASE_URL: url('postgresql:', 'postgres:'),
  EMBEDDED_DATABASE_DIR: text,
  /** Several, separated by commas, are the nodes of one cluster. */
  REDIS_URL: text.refine(
    (value) =>
      value === undefined || value.split(',').every((node) => /^rediss?:\/\/[^\s]+$/.test(node.trim())),
    'must be a URL that starts with redis:// or rediss://, or several of a cluster separated by commas',
  ),
  /** Several, separated by commas, are of one cluster. */
  KAFKA_BROKERS: text.refine(
    (value) =>
      value === undefined || value.split(',').every((broker) => /^[^\s:/]+:\d{1,5}$/.test(broker.trim())),
    'must be host:port, or several of a cluster separated by commas',
  ),
  KAFKA_TOPIC: text.refine(
    (value) => value === undefined || /^[\w.-]{1,244}$/.test(value),
    'must be letters, digits, dots, dashes and underscores',
  ),
  /** Whose X-Forwarded-For is believed. */
  TRUSTED_PROXIES: text.refine(
    (value) => value === undefined || parseTrustedProxies(value) !== undefined,
    'must be a number of proxies from 1 to 10, or addresses, networks such as 10.0.0.0/8, loopback, linklocal and uniquelocal separated by commas',
  ),
  RATE_LIMIT_ANONYMOUS: limits('RATE_LIMIT_ANONYMOUS'),
  RATE_LIMIT_FREE: limits('RATE_LIMIT_FREE'),
  RATE_LIMIT_PRO: limits('RATE_LIMIT_PRO'),
  RATE_LIMIT_ENTERPRISE: limits('RATE_LIMIT_ENTERPRISE'),
  RATE_LIMIT_PER_ORGANIZATION: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z.enum(['true', 'false'], 'must be true or false').default('false'),
  ),
  RATE_LIMIT_INSTANCES: wholeNumber(1, 1, 1_000),
  RATE_LIMIT_ANSWER_MS: wholeNumber(50, 1, 2_000),
  CHAT_API_URL: url('http:', 'https:'),
  CHAT_API_KEY: text,
  CHAT_MODEL: text,
});

/** What production cannot do without, and what stands in for it elsewhere. */
const NEEDED_IN_PRODUCTION: Readonly<Record<string, string>> = {
  CLERK_SECRET_KEY: 'sk_live_… of the Clerk dashboard, API keys',
  CLERK_PUBLISHABLE_KEY: 'pk_live_… of the Clerk dashboard, API keys',
  CLERK_WEBHOOK_SECRET: 'whsec_… of the Clerk dashboard, Webhooks',
  DATABASE_URL: 'postgresql://user:password@host:5432/database',
  REDIS_URL: 'redis://host:6379',
};

export interface Environment {
  readonly isProduction: boolean;
  /** Address to listen on: loopback in development, every interface in production, unless told. */
  readonly host: string;
  readonly port: number;
  /** True: no Clerk is configured, and the sandbox stands in. */
  readonly isSandboxed: boolean;
  /** 0: any free port. */
  readonly sandboxPort: number;
  readonly database: DatabaseOptions;
  /** Empty: caches are in this process. Several: the nodes of one cluster. */
  readonly redisUrls: readonly string[];
  /** Null: webhooks go straight into the database. */
  readonly kafka: KafkaOptions | null;
  readonly trustedProxies: TrustedProxies;
  readonly rateLimits: RateLimitSettings;
  /** Null: the embedded responder answers. */
  readonly chatApi: { readonly url: string; readonly key: string; readonly model: string } | null;
}

/** A problem with the environment, fit to be printed: it names variables and never values. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';

  constructor(readonly problems: readonly string[]) {
    super(`The environment is not right:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** @throws EnvironmentError that names every variable that is missing or malformed */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const parsed = schema.safeParse(env);
  const malformed = parsed.error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`) ?? [];
  const problems = [...malformed, ...missingInProduction(env), ...exposedSandbox(env)];
  if (parsed.data === undefined || problems.length > 0) throw new EnvironmentError(problems);
  const values = parsed.data;
  const isProduction = values.NODE_ENV === 'production';
  return {
    isProduction,
    host: values.HOST ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
    port: values.PORT,
    isSandboxed: isSandboxed(env),
    sandboxPort: values.SANDBOX_PORT,
    database: databaseOptions(env),
    redisUrls: values.REDIS_URL?.split(',').map((node) => node.trim()) ?? [],
    kafka: kafkaOptions(values.KAFKA_BROKERS, values.KAFKA_TOPIC),
    trustedProxies: trustedProxies(values),
    rateLimits: rateLimits(values),
    chatApi: chatApi(values),
  };
}

function trustedProxies({ TRUSTED_PROXIES }: z.infer<typeof schema>): TrustedProxies {
  return TRUSTED_PROXIES === undefined ? null : (parseTrustedProxies(TRUSTED_PROXIES) ?? null);
}

function rateLimits(values: z.infer<typeof schema>): RateLimitSettings {
  return {
    tiers: tiersOf(values),
    isPerOrganization: values.RATE_LIMIT_PER_ORGANIZATION === 'true',
    instances: values.RATE_LIMIT_INSTANCES,
    answerMsMax: values.RATE_LIMIT_ANSWER_MS,
  };
}

function chatApi({ CHAT_API_URL, CHAT_API_KEY, CHAT_MODEL }: z.infer<typeof schema>): Environment['chatApi'] {
  if (CHAT_API_URL === undefined) return null;
  return { url: CHAT_API_URL, key: CHAT_API_KEY ?? 'none', model: CHAT_MODEL ?? 'gpt-4o-mini' };
}

/** The server in DATABASE_URL, else the embedded database. */
export function databaseOptions(env: NodeJS.ProcessEnv): DatabaseOptions {
  if (env['DATABASE_URL']) return { kind: 'postgres', url: env['DATABASE_URL'] };
  return {
    kind: 'embedded',
    directory: env['EMBEDDED_DATABASE_DIR'] || join(process.cwd(), '.data', 'database'),
  };
}

function missingInProduction(env: NodeJS.ProcessEnv): string[] {
  if (env['NODE_ENV'] !== 'production') return [];
  return Object.entries(NEEDED_IN_PRODUCTION)
    .filter(([name]) => !isSet(env, name))
    .map(([name, example]) => `${name} is missing: production runs nothing embedded. Expected ${example}`);
}

/** The offline Clerk signs anybody in, and its machine secrets are in the README: nobody else may reach a service on it. */
function exposedSandbox(env: NodeJS.ProcessEnv): string[] {
  const { HOST: host } = env;
  const isLoopback = !host || ['127.0.0.1', '::1', 'localhost'].includes(host);
  return isLoopback || !isSandboxed(env)
    ? []
    : [
        'HOST must be 127.0.0.1 or localhost with the offline Clerk: set CLERK_SECRET_KEY to be reached by others',
      ];
}

function isSandboxed(env: NodeJS.ProcessEnv): boolean {
  return !env['CLERK_SECRET_KEY'] && !env['CLERK_JWT_KEY'];
}

function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return (
    Boolean(env[name]) || (name === 'CLERK_WEBHOOK_SECRET' && Boolean(env['CLERK_WEBHOOK_SIGNING_SECRET']))
  );
}
