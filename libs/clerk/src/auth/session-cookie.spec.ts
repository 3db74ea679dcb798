import { Controller, Get, type INestApplication, Module, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { getCookieSuffix } from '@clerk/shared/keys';
import { ClerkSandbox, SEEDED_MACHINE_SECRETS, SEEDED_USERS } from 'clerk-sandbox';

import { AcceptTokens, ClerkAuthGuard, ClerkModule, OptionalAuth } from '../index.js';
import { sessionCookieNames } from './session-cookie.js';

const ORIGIN = 'https://app.example.com';
const { free } = SEEDED_USERS;

describe('the name of the session cookie', () => {
  it.each(['pk_test_Y2xlcmsuZXhhbXBsZS50ZXN0JA', 'pk_live_YS5iLmMk', 'pk_test_x'])(
    'has the suffix that the front end gives it: %s',
    async (publishableKey) => {
      const suffix = await getCookieSuffix(publishableKey);
      expect(sessionCookieNames(publishableKey)).toEqual([`__session_${suffix}`, '__session']);
    },
  );

  it('has none where no publishable key is known', () => {
    expect(sessionCookieNames(null)).toEqual(['__session']);
  });
});

@Controller()
@UseGuards(ClerkAuthGuard)
class CookieController {
  @Get('read')
  read() {
    return {};
  }

  @Post('write')
  write() {
    return {};
  }

  @Get('optional')
  @OptionalAuth(true)
  optional() {
    return {};
  }

  @Get('machine')
  @AcceptTokens('session_token', 'm2m_token')
  machine() {
    return {};
  }
}

const adapters = { fastify: () => new FastifyAdapter(), express: () => new ExpressAdapter() };

describe.each(['fastify', 'express'] as const)('the session cookie on %s', (adapter) => {
  let sandbox: ClerkSandbox;
  let enabled: INestApplication;
  let disabled: INestApplication;

  async function start(sessionCookie: boolean): Promise<INestApplication> {
    const { secretKey, publishableKey, url: apiUrl } = sandbox;
    const options = { secretKey, publishableKey, apiUrl, authorizedParties: [ORIGIN], sessionCookie };
    @Module({
      imports: [ClerkModule.register({ ...options, webhookPath: null })],
      controllers: [CookieController],
    })
    class AppModule {}
    const app = await NestFactory.create(AppModule, adapters[adapter](), { logger: false });
    await app.listen(0, '127.0.0.1');
    return app;
  }

  beforeAll(async () => {
    sandbox = await ClerkSandbox.start();
    [enabled, disabled] = [await start(true), await start(false)];
  });

  afterAll(async () => {
    await Promise.all([enabled.close(), disabled.close(), sandbox.stop()]);
  });

  async function ask(path: string, headers: Record<string, string>, app = enabled): Promise<string> {
    const method = path === 'write' ? 'POST' : 'GET';
    const response = await fetch(`${await app.getUrl()}/${path}`, { method, headers });
    const { code } = (await response.json()) as { code?: string };
    return code === undefined ? String(response.status) : `${response.status} ${code}`;
  }

  const token = (origin: string | undefined = ORIGIN) =>
    sandbox.signIn(free.id, origin === undefined ? {} : { origin }).token;
  const cookie = (value: string) => ({ cookie: `theme=dark; __session=${value}; __client_uat=1` });

  it('proves a request only where that is enabled', async () => {
    expect(await ask('read', cookie(token()))).toBe('200');
    expect(await ask('read', cookie(token()), disabled)).toBe('401 TOKEN_MISSING');
  });

  it('goes by its suffixed name before the plain one', async () => {
    const [suffixed] = sessionCookieNames(sandbox.publishableKey);
    expect(await ask('read', { cookie: `__session=x.y.z; ${suffixed}=${token()}` })).toBe('200');
    expect(await ask('read', { cookie: `__session=${token()}; ${suffixed}=x.y.z` })).toBe(
      '401 TOKEN_MALFORMED',
    );
  });

  it('is not looked at where there is an Authorization header, good or bad', async () => {
    const authorization = 'Bearer x.y.z';
    expect(await ask('read', { ...cookie(token()), authorization })).toBe('401 TOKEN_MALFORMED');
    expect(await ask('read', { ...cookie('x.y.z'), authorization: `Bearer ${token()}` })).toBe('200');
  });

  it('is refused when a page of a foreign origin made the browser send it', async () => {
    const sent = cookie(token());
    expect(await ask('write', { ...sent, origin: ORIGIN })).toBe('201');
    for (const origin of ['https://evil.example', 'null', `${ORIGIN}.evil.example`]) {
      expect(await ask('write', { ...sent, origin })).toBe('401 TOKEN_PARTY_REJECTED');
    }
  });

  it('is refused when its token was made for a foreign origin, or for none', async () => {
    expect(await ask('read', cookie(token('https://evil.example')))).toBe('401 TOKEN_PARTY_REJECTED');
    expect(await ask('read', cookie(sandbox.signIn(free.id).token))).toBe('401 TOKEN_PARTY_REJECTED');
  });

  it('is refused when there are two of them', async () => {
    expect(await ask('read', { cookie: `__session=${token()}; __session=${token()}` })).toBe(
      '401 TOKEN_MALFORMED',
    );
    expect(await ask('optional', { cookie: '__session=a; __session=b' })).toBe('401 TOKEN_MALFORMED');
  });

  it('is nobody when it is empty or another cookie', async () => {
    for (const line of ['__session=', '__sessions=x', 'a__session=x', '=', ';;']) {
      expect(await ask('read', { cookie: line })).toBe('401 TOKEN_MISSING');
      expect(await ask('optional', { cookie: line })).toBe('200');
    }
  });

  it('never holds a machine token', async () => {
    const secret = SEEDED_MACHINE_SECRETS.machineToken;
    expect(await ask('machine', { authorization: `Bearer ${secret}` })).toBe('200');
    expect(await ask('machine', cookie(secret))).toBe('401 TOKEN_MALFORMED');
    const jwt = sandbox.machine.signMachineJwt('mch_1');
    expect(await ask('machine', { authorization: `Bearer ${jwt}` })).toBe('200');
    expect(await ask('machine', cookie(jwt))).toBe('401 TOKEN_TYPE_REJECTED');
  });
});
