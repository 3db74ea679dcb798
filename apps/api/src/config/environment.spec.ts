import { EnvironmentError, readEnvironment } from './environment.js';

const PRODUCTION = {
  NODE_ENV: 'production',
  CLERK_SECRET_KEY: 'sk_live_1',
  CLERK_PUBLISHABLE_KEY: 'pk_live_1',
  CLERK_WEBHOOK_SECRET: 'whsec_1',
  DATABASE_URL: 'postgresql://u:p@h/d',
  REDIS_URL: 'redis://h:6379',
};

function problems(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    readEnvironment(env);
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

describe('the environment', () => {
  it('may be empty in development: everything is embedded, on loopback', () => {
    expect(readEnvironment({ PORT: '', DATABASE_URL: '' })).toMatchObject({
      isProduction: false,
      host: '127.0.0.1',
      port: 3000,
      isSandboxed: true,
      sandboxPort: 4100,
      database: { kind: 'embedded' },
      redisUrls: [],
      chatApi: null,
      trustedProxies: null,
    });
  });

  it('limits FREE to 10 a minute and 1,000 an hour, PRO to 100 and ENTERPRISE to 1,000 a minute, unless told otherwise', () => {
    const minute = (limit: number) => ({ name: 'minute', limit, durationMs: 60_000 });
    const hour = { name: 'hour', limit: 1_000, durationMs: 3_600_000 };
    const tier = (...windows: object[]) => ({ windows, whenUnavailable: 'local' });
    const defaults = {
      ANONYMOUS: tier(minute(60)),
      FREE: tier(minute(10), hour),
      PRO: tier(minute(100)),
      ENTERPRISE: tier(minute(1_000)),
    };
    expect(readEnvironment({}).rateLimits).toEqual({
      tiers: defaults,
      isPerOrganization: false,
      instances: 1,
      answerMsMax: 50,
    });
    const told = {
      RATE_LIMIT_FREE: '20/min',
      RATE_LIMIT_PER_ORGANIZATION: 'true',
      RATE_LIMIT_INSTANCES: '3',
      RATE_LIMIT_ANSWER_MS: '200',
    };
    expect(readEnvironment(told).rateLimits).toEqual({
      tiers: { ...defaults, FREE: tier(minute(20)) },
      isPerOrganization: true,
      instances: 3,
      answerMsMax: 200,
    });
  });

  it('swaps one embedded part for the real one with each variable', () => {
    expect(readEnvironment({ CLERK_SECRET_KEY: 'sk_test_1' }).isSandboxed).toBe(false);
    expect(readEnvironment({ DATABASE_URL: 'postgres://h/d' }).database).toEqual({
      kind: 'postgres',
      url: 'postgres://h/d',
    });
    expect(readEnvironment({ REDIS_URL: 'redis://a, redis://b' }).redisUrls).toEqual([
      'redis://a',
      'redis://b',
    ]);
    expect(readEnvironment({ CHAT_API_URL: 'http://h/v1' }).chatApi).toMatchObject({ url: 'http://h/v1' });
  });

  it('must be whole in production, where a webhook secret has two names', () => {
    expect(readEnvironment(PRODUCTION)).toMatchObject({
      isProduction: true,
      host: '0.0.0.0',
      isSandboxed: false,
    });
    const { CLERK_WEBHOOK_SECRET: secret, ...others } = PRODUCTION;
    expect(problems({ ...others, CLERK_WEBHOOK_SIGNING_SECRET: secret })).toEqual([]);
    for (const name of Object.keys(PRODUCTION).slice(1)) {
      expect(problems({ ...PRODUCTION, [name]: '' })).toEqual([
        expect.stringMatching(new RegExp(`^${name} is missing`)),
      ]);
    }
  });

  it.each([
    [{ PORT: '70000' }, 'PORT must be from 0 to 65535'],
    [{ PORT: 'x' }, 'PORT must be a whole number'],
    [{ HOST: '0.0.0.0' }, 'HOST must be 127.0.0.1 or localhost with the offline Clerk'],
    [{ NODE_ENV: 'staging' }, 'NODE_ENV must be development, test or production'],
    [
      { DATABASE_URL: 'mysql://h/d' },
      'DATABASE_URL must be a URL that starts with postgresql:// or postgres://',
    ],
    [{ REDIS_URL: 'redis://a,http://b' }, 'REDIS_URL must be a URL that starts with redis:// or rediss://'],
    [{ TRUSTED_PROXIES: 'everybody' }, 'TRUSTED_PROXIES must be a number of proxies'],
    [{ RATE_LIMIT_FREE: '10 per minute' }, 'RATE_LIMIT_FREE must be requests by s, min, h or d'],
    [{ RATE_LIMIT_PRO: '10/min,5/min' }, 'RATE_LIMIT_PRO must be requests by s, min, h or d'],
    [{ RATE_LIMIT_ANONYMOUS: '0/min' }, 'RATE_LIMIT_ANONYMOUS must be requests'],
    [{ RATE_LIMIT_PER_ORGANIZATION: 'yes' }, 'RATE_LIMIT_PER_ORGANIZATION must be true or false'],
    [{ RATE_LIMIT_INSTANCES: '0' }, 'RATE_LIMIT_INSTANCES must be from 1 to 1000'],
    [{ RATE_LIMIT_ANSWER_MS: '0' }, 'RATE_LIMIT_ANSWER_MS must be from 1 to 2000'],
    [{ RATE_LIMIT_ANSWER_MS: '2001' }, 'RATE_LIMIT_ANSWER_MS must be from 1 to 2000'],
    [{ RATE_LIMIT_ANSWER_MS: '1.5' }, 'RATE_LIMIT_ANSWER_MS must be a whole number'],
    [{ CHAT_API_URL: 'ftp://h' }, 'CHAT_API_URL must be a URL that starts with http:// or https://'],
  ])('%j is said to be wrong, by name', (env, problem) => {
    expect(problems(env)).toEqual([expect.stringContaining(problem)]);
  });
});
