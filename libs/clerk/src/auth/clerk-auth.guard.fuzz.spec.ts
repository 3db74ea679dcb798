import { Controller, Get, Logger, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ClerkSandbox, SEEDED_USERS } from 'clerk-sandbox';
import fc from 'fast-check';

import { AcceptTokens, ClerkAuthGuard, ClerkModule } from '../index.js';

const RUNS = 100_000;
const ORIGIN = 'https://app.example.com';
/** Longer than the test: of all the unknown key ids, one may cause a question. */
const unknownKeyCooldownSeconds = 3_600;

@Controller()
@UseGuards(ClerkAuthGuard)
class GuardedController {
  @Get()
  @AcceptTokens('session_token', 'm2m_token', 'oauth_token', 'api_key')
  guarded() {
    return { ok: true };
  }
}

type Mutation = (token: string) => string;

const at = (token: string, place: number) => Math.floor(place * token.length);
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** What a header can hold; Node refuses the rest before any guard. */
const text = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});
const base64url = fc.string({
  unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'),
  maxLength: 60,
});
const json = fc.json().map((value) => Buffer.from(value).toString('base64url'));

/** Any value, and those that make another kind of token. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    'at+jwt',
    'application/at+jwt',
    'cl_B7d4PD333AAA',
    'cl_B7d4PD222AAA',
    'mch_1',
    'none',
    'HS256',
  ),
);

/** One change to a token, each of another kind. */
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, base64url).map(
    ([p, put]): Mutation =>
      (t) =>
        t.slice(0, at(t, p)) + put + t.slice(at(t, p)),
  ),
  fc.tuple(place, base64url).map(
    ([p, put]): Mutation =>
      (t) =>
        t.slice(0, at(t, p)) + put + t.slice(at(t, p) + put.length),
  ),
  fc.tuple(place, place).map(
    ([p, q]): Mutation =>
      (t) =>
        t.slice(0, at(t, Math.min(p, q))) + t.slice(at(t, Math.max(p, q))),
  ),
  place.map(
    (p): Mutation =>
      (t) =>
        t.slice(0, at(t, p)),
  ),
  place.map(
    (p): Mutation =>
      (t) =>
        t.slice(at(t, p)),
  ),
  fc.tuple(place, text).map(
    ([p, put]): Mutation =>
      (t) =>
        t.slice(0, at(t, p)) + put + t.slice(at(t, p)),
  ),
  fc.tuple(fc.nat(2), fc.oneof(json, base64url, text)).map(
    ([part, put]): Mutation =>
      (t) =>
        t
          .split('.')
          .map((old, index) => (index === part ? put : old))
          .join('.'),
  ),
  fc.shuffledSubarray([0, 1, 2]).map(
    (order): Mutation =>
      (t) =>
        order.map((index) => t.split('.')[index]).join('.'),
  ),
  fc.nat({ max: 2 }).map(
    (part): Mutation =>
      (t) =>
        t
          .split('.')
          .map((old, index) => (index === part ? old.toLowerCase() : old))
          .join('.'),
  ),
  fc.constantFrom<Mutation>(
    (t) => `${t}.${t}`,
    (t) => t.toUpperCase(),
    (t) => [...t].toReversed().join(''),
  ),
  fc.tuple(fc.constantFrom('alg', 'typ', 'cat', 'kid', 'crit', 'jwk'), value).map(
    ([name, value]): Mutation =>
      (t) =>
        withChange(t, 0, name, value),
  ),
  fc.tuple(fc.constantFrom('sub', 'sid', 'iss', 'exp', 'nbf', 'iat', 'azp', 'sts', 'o', 'act'), value).map(
    ([name, value]): Mutation =>
      (t) =>
        withChange(t, 1, name, value),
  ),
);
const scheme = fc.constantFrom(
  'Bearer ',
  'bearer ',
  'BEARER  ',
  'Bearer',
  'Basic ',
  '',
  'Bearer Bearer ',
  'Token ',
);

/** Another value in the header (0) or the claims (1), under the old signature. */
function withChange(token: string, part: number, name: string, value: unknown): string {
  const parts = token.split('.');
  try {
    const content: object = JSON.parse(Buffer.from(parts[part] ?? '', 'base64url').toString());
    parts[part] = Buffer.from(JSON.stringify({ ...content, [name]: value })).toString('base64url');
  } catch {
    // Mutated beyond JSON already: it stays as it is.
  }
  return parts.join('.');
}

/** What the cookie's value is taken to be: up to the next semicolon, without white space around it. */
const cookieValue = (written: string) => (written.split(';')[0] ?? '').trim();

describe('whatever stands in the Authorization header or the session cookie', () => {
  it(`is refused with 401 and a code: ${RUNS} mutants of a good token, never a 2xx, never a 5xx`, async () => {
    Logger.overrideLogger(false);
    const sandbox = await ClerkSandbox.start();
    const { secretKey, publishableKey, url: apiUrl } = sandbox;
    const options = { secretKey, publishableKey, apiUrl, authorizedParties: [ORIGIN], sessionCookie: true };
    @Module({
      imports: [ClerkModule.register({ ...options, unknownKeyCooldownSeconds, webhookPath: null })],
      controllers: [GuardedController],
    })
    class AppModule {}
    const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), {
      logger: false,
    });
    await app.init();
    const send = (headers: Record<string, string>) => app.inject({ url: '/', headers });
    const { token } = sandbox.signIn(SEEDED_USERS.free.id, { expiresInSeconds: 3_600, origin: ORIGIN });
    expect((await send({ authorization: `Bearer ${token}` })).statusCode).toBe(200);
    expect((await send({ cookie: `__session=${token}` })).statusCode).toBe(200);

    await fc.assert(
      fc.asyncProperty(
        fc.option(scheme, { freq: 4 }),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        async (prefix, mutations) => {
          const mutant = mutations.reduce((mutated, mutate) => mutate(mutated), token);
          // A mutation may change nothing, and white space around the token counts for nothing.
          const header = `${prefix ?? ''}${mutant}`;
          fc.pre(header.trim().replace(/^bearer +/i, '') !== token && cookieValue(mutant) !== token);
          const { statusCode, payload } = await send(
            prefix === null ? { cookie: `__session=${mutant}` } : { authorization: header },
          );
          const { code } = JSON.parse(payload);
          if (statusCode !== 401 || !/^(?:TOKEN|SESSION|MACHINE_TOKEN)_/.test(code))
            throw new Error(`${statusCode} ${code}`);
        },
      ),
      { numRuns: RUNS, maxSkipsPerRun: 100 },
    );
    expect([...sandbox.requestCounts]).toEqual([['GET /v1/jwks', 2]]);
    await app.close();
    await sandbox.stop();
  }, 300_000);
});
