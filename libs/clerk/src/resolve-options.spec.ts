import { generateKeyPairSync } from 'node:crypto';

import type { ClerkModuleOptions } from './clerk.options.js';
import { ClerkError } from './clerk-error.js';
import { resolveOptions } from './resolve-options.js';

const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const OTHER = `whsec_${Buffer.from('another of twenty-four by').toString('base64')}`;
const PUBLISHABLE = `pk_test_${Buffer.from('clerk.example.test$').toString('base64')}`;
const GOOD = { secretKey: 'sk_test_1', publishableKey: PUBLISHABLE, webhookSecrets: SECRET };

function resolve(options: object, env: Record<string, string> = {}, hasWebhookEndpoint = true) {
  // Also what JavaScript callers may pass.
  return resolveOptions({
    instance: 'default',
    options: options as ClerkModuleOptions,
    env: (name) => env[name],
    hasWebhookEndpoint,
  });
}

function problems(options: object, env: Record<string, string> = {}): string {
  try {
    resolve(options, env);
    return '';
  } catch (error) {
    if (error instanceof ClerkError && error.code === 'OPTIONS_INVALID') return error.message;
    throw error;
  }
}

describe('options', () => {
  it('have defaults', () => {
    expect(resolve(GOOD)).toMatchObject({
      apiUrl: 'https://api.clerk.com',
      issuer: 'https://clerk.example.test',
      authorizedPartyPolicy: 'off',
      sessionDurationSeconds: 86_400,
      verifiedTokenTtlSeconds: 3_600,
      clockSkewSeconds: 5,
      requestTimeoutMs: 5_000,
      jwksStaleSecondsMax: 86_400,
      unknownKeyCooldownSeconds: 30,
      webhookBodyBytesMax: 1_048_576,
      database: null,
      redis: null,
    });
  });

  it('are read from the environment, and win over it where they are given', () => {
    const env = {
      CLERK_SECRET_KEY: 'sk_live_env',
      CLERK_PUBLISHABLE_KEY: PUBLISHABLE,
      CLERK_WEBHOOK_SIGNING_SECRET: `${SECRET}, ${OTHER}`,
      CLERK_API_URL: 'http://127.0.0.1:4100/',
      CLERK_SESSION_DURATION: '60',
      CLERK_JWT_TTL: '0',
    };
    const resolved = resolve({}, env);
    expect(resolved).toMatchObject({
      secretKey: 'sk_live_env',
      apiUrl: 'http://127.0.0.1:4100',
      sessionDurationSeconds: 60,
      verifiedTokenTtlSeconds: 0,
    });
    expect(resolved.webhookKeys).toHaveLength(2);
    expect(resolve({ secretKey: 'sk_test_given', sessionDurationSeconds: 5 }, env)).toMatchObject({
      secretKey: 'sk_test_given',
      sessionDurationSeconds: 5,
    });
    expect(resolve(GOOD, { CLERK_JWT_TTL: '' }).verifiedTokenTtlSeconds).toBe(3_600);
  });

  it('need no secret key where tokens verify with a PEM key, and no webhook secret where there is no endpoint', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const jwtKey = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(resolve({ jwtKey }, {}, false)).toMatchObject({ secretKey: null, webhookKeys: [] });
  });

  it('are strict about parties once there are any', () => {
    const resolved = resolve({ ...GOOD, authorizedParties: ['https://app.example.com'] });
    expect(resolved.authorizedPartyPolicy).toBe('strict');
  });

  it('that are missing are all named at once, with the fix', () => {
    const message = problems({});
    expect(message).toMatch(/- secretKey \(CLERK_SECRET_KEY\) is missing: set it/);
    expect(message).toMatch(/- webhookSecrets \(CLERK_WEBHOOK_SECRET\) is missing: copy/);
  });

  it.each<[object, string]>([
    [{ secretKey: 'hunter2' }, 'secretKey (CLERK_SECRET_KEY) must start with sk_test_'],
    [{ secretKey: 5 }, 'must be text, not number'],
    [{ publishableKey: 'pk_test_hunter2' }, 'publishableKey (CLERK_PUBLISHABLE_KEY) names no host'],
    [{ publishableKey: 'hunter2' }, 'publishableKey (CLERK_PUBLISHABLE_KEY) must start with pk_test_'],
    [{ jwtKey: 'hunter2' }, 'jwtKey (CLERK_JWT_KEY) must be an RSA public key'],
    [{ webhookSecrets: ['whsec_hunter2!'] }, 'webhookSecrets (CLERK_WEBHOOK_SECRET) must be whsec_'],
    [{ apiUrl: 'http://hunter2.example' }, 'apiUrl (CLERK_API_URL) must be an https URL'],
    [{ issuer: 'hunter2' }, 'issuer must be an https URL'],
    [
      { sessionDurationSeconds: 0 },
      'sessionDurationSeconds (CLERK_SESSION_DURATION) must be a whole number from 1',
    ],
    [
      { verifiedTokenTtlSeconds: 1.5 },
      'verifiedTokenTtlSeconds (CLERK_JWT_TTL) must be a whole number from 0',
    ],
    [{ requestTimeoutMs: '5000' }, 'requestTimeoutMs must be a whole number from 100'],
    [{ clockSkewSeconds: 61 }, 'clockSkewSeconds must be a whole number from 0 to 60'],
    [{ authorizedPartyPolicy: 'strict' }, 'authorizedParties is empty'],
    [{ authorizedParties: ['https://a.example/'] }, 'authorizedParties must be origins'],
    [
      { authorizedParties: ['https://a.example'], authorizedPartyPolicy: 'lax' },
      'authorizedPartyPolicy must be',
    ],
  ])('that are malformed are named, and never their value: %j', (options, expected) => {
    const message = problems({ ...GOOD, ...options });
    expect(message).toContain(`  - ${expected.startsWith('must') ? '' : expected}`);
    expect(message).toContain(expected);
    expect(message).not.toContain('hunter2');
  });
});
