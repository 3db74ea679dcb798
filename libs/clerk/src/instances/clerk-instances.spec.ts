import { Controller, Get, Inject, type INestApplication, Logger, Module, UseGuards } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  ClerkSandbox,
  createWebhookSecret,
  SEEDED_MACHINE_SECRETS,
  SEEDED_USERS,
  signatureHeaders,
} from 'clerk-sandbox';

import {
  AcceptTokens,
  type Auth,
  ClerkAuthGuard,
  ClerkInstancesModule,
  ClerkModule,
  type ClerkModuleOptions,
  ClerkService,
  CurrentAuth,
  CurrentUser,
  getClerkToken,
  InjectClerk,
  type InstanceChoice,
  type MirroredUser,
  OptionalAuth,
  UseClerkInstance,
} from '../index.js';
import { sessionCookieNames } from '../auth/session-cookie.js';

const { free } = SEEDED_USERS;

@Controller()
@UseGuards(ClerkAuthGuard)
class WhoController {
  constructor(
    @InjectClerk('shop') readonly shop: ClerkService,
    @Inject(getClerkToken('staff')) readonly staff: ClerkService,
  ) {}

  @Get('who')
  who(@CurrentAuth() auth: Auth, @CurrentUser() user: MirroredUser) {
    return { instance: auth.instance, name: user.firstName };
  }

  @Get('staff')
  @UseClerkInstance('staff')
  @AcceptTokens('session_token', 'm2m_token')
  onlyStaff(@CurrentAuth() auth: Auth) {
    return { instance: auth.instance };
  }

  @Get('machine')
  @AcceptTokens('session_token', 'm2m_token')
  machine(@CurrentAuth() auth: Auth) {
    return { instance: auth.instance };
  }

  @Get('maybe')
  @OptionalAuth(true)
  maybe(@CurrentAuth() auth: Auth | null) {
    return { instance: auth?.instance ?? null };
  }
}

const adapters = { fastify: () => new FastifyAdapter(), express: () => new ExpressAdapter() };

describe.each(['fastify', 'express'] as const)('several Clerk instances on %s', (adapter) => {
  const secret = createWebhookSecret();
  let shop: ClerkSandbox;
  let staff: ClerkSandbox;
  const apps: INestApplication[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    shop = await ClerkSandbox.start({ frontendApi: 'clerk.shop.test' });
    staff = await ClerkSandbox.start({ frontendApi: 'clerk.staff.test' });
    // The same ids on both sides: only who proved them tells them apart.
    shop.users.update(free.id, { first_name: 'Shopper' });
    staff.users.update(free.id, { first_name: 'Keeper' });
  });

  afterEach(async () => {
    shop.faults.clear();
    for (const app of apps.splice(0)) await app.close();
  });

  afterAll(async () => {
    await Promise.all([shop.stop(), staff.stop()]);
  });

  function registration(
    name: string,
    { secretKey, publishableKey, url: apiUrl }: ClerkSandbox,
    more: ClerkModuleOptions = {},
  ) {
    return ClerkModule.register({
      ...more,
      name,
      secretKey,
      publishableKey,
      apiUrl,
      webhookSecrets: secret,
    });
  }

  async function start(
    choose: InstanceChoice,
    instances = [registration('shop', shop), registration('staff', staff)],
  ) {
    @Module({
      imports: [ClerkInstancesModule.register({ instances, choose })],
      controllers: [WhoController],
    })
    class AppModule {}
    const app = await NestFactory.create(AppModule, adapters[adapter](), {
      logger: false,
      abortOnError: false,
    });
    await app.listen(0, '127.0.0.1');
    apps.push(app);
    const url = await app.getUrl();
    const ask = async (path: string, token?: string, headers: Record<string, string> = {}) => {
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`${url}/${path}`, { headers: { ...headers, ...authorization } });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    return { app, url, ask };
  }

  const jwksCalls = (sandbox: ClerkSandbox) => sandbox.requestCounts.get('GET /v1/jwks') ?? 0;

  it('by issuer: the one that verifies the token counts, and its users with it', async () => {
    const { ask } = await start({ by: 'issuer' });
    for (let round = 0; round < 2; round += 1) {
      expect((await ask('who', shop.signIn(free.id).token)).body).toEqual({
        instance: 'shop',
        name: 'Shopper',
      });
      expect((await ask('who', staff.signIn(free.id).token)).body).toEqual({
        instance: 'staff',
        name: 'Keeper',
      });
    }
  });

  it('by issuer: a claim alone chooses nothing', async () => {
    const { ask } = await start({ by: 'issuer' });
    const claims = { iss: staff.issuer };
    const { status, body } = await ask('who', shop.signIn(free.id, { claims }).token);
    expect([status, body['code']]).toEqual([401, 'TOKEN_ISSUER_REJECTED']);
  });

  it('by issuer: an instance that cannot answer makes no 401 of its own tokens', async () => {
    const { ask } = await start({ by: 'issuer' });
    const before = [jwksCalls(shop), jwksCalls(staff)];
    shop.faults.add({ kind: 'status', status: 500, pathPrefix: '/v1/jwks' });
    const { status, body } = await ask('who', shop.signIn(free.id).token);
    expect([status, body['code']]).toEqual([503, 'CLERK_UNAVAILABLE']);
    expect((await ask('who', staff.signIn(free.id).token)).status).toBe(200);
    expect(jwksCalls(staff) - (before[1] ?? 0)).toBe(1);
    shop.faults.clear();
    staff.rotateKeys({ keepPrevious: true });
    staff.faults.add({ kind: 'down', pathPrefix: '/v1/jwks' });
    // The first says that it does not know the key, the second cannot say.
    expect((await ask('who', staff.signIn(free.id).token)).body['code']).toBe('CLERK_UNAVAILABLE');
    staff.faults.clear();
  });

  it('by issuer: forged key ids cost each instance one question', async () => {
    const { ask } = await start({ by: 'issuer' });
    await Promise.all([ask('who', shop.signIn(free.id).token), ask('who', staff.signIn(free.id).token)]);
    const before = [jwksCalls(shop), jwksCalls(staff)];
    const forged = Array.from({ length: 50 }, (_, index) =>
      shop.signIn(free.id, { header: { kid: `ins_forged_${index}` } }),
    );
    const answers = await Promise.all(forged.map(({ token }) => ask('who', token)));
    expect(new Set(answers.map(({ body }) => body['code']))).toEqual(new Set(['TOKEN_KEY_UNKNOWN']));
    expect([jwksCalls(shop), jwksCalls(staff)].map((count, index) => count - (before[index] ?? 0))).toEqual([
      1, 1,
    ]);
  });

  it('by issuer: a machine token needs a route that says whose it is', async () => {
    const { ask } = await start({ by: 'issuer' });
    const token = SEEDED_MACHINE_SECRETS.machineToken;
    expect((await ask('machine', token)).body['code']).toBe('TOKEN_TYPE_REJECTED');
    expect((await ask('staff', token)).body).toEqual({ instance: 'staff' });
  });

  it('by host: only that one is asked, and no other host is served', async () => {
    const { ask, url } = await start({ by: 'host', hosts: { '127.0.0.1': 'staff' } });
    expect(url).toContain('127.0.0.1');
    expect((await ask('who', staff.signIn(free.id).token)).body).toMatchObject({ instance: 'staff' });
    expect((await ask('who', shop.signIn(free.id).token)).status).toBe(401);
    const other = await start({ by: 'host', hosts: { 'shop.example.com': 'shop' } });
    expect((await other.ask('who', shop.signIn(free.id).token)).body['code']).toBe('TOKEN_ISSUER_REJECTED');
  });

  it('by header: it names the instance, which still has to verify the token', async () => {
    const { ask } = await start({ by: 'header', header: 'X-Tenant', values: { a: 'shop', b: 'staff' } });
    const { token } = shop.signIn(free.id);
    expect((await ask('who', token, { 'x-tenant': 'a' })).body).toMatchObject({ instance: 'shop' });
    expect((await ask('who', token, { 'x-tenant': 'b' })).status).toBe(401);
    for (const headers of [{}, { 'x-tenant': 'c' }, { 'x-tenant': 'toString' }]) {
      expect((await ask('who', token, headers)).body['code']).toBe('TOKEN_ISSUER_REJECTED');
    }
  });

  it('by route: what it names goes before everything else', async () => {
    const { ask } = await start({ by: 'header', header: 'x-tenant', values: { a: 'shop' } });
    expect((await ask('staff', staff.signIn(free.id).token, { 'x-tenant': 'a' })).body).toEqual({
      instance: 'staff',
    });
    expect((await ask('staff', shop.signIn(free.id).token, { 'x-tenant': 'a' })).status).toBe(401);
  });

  it('lets nobody through where that is allowed, whoever would have proved him', async () => {
    const { ask } = await start({ by: 'header', header: 'x-tenant', values: { a: 'shop' } });
    expect((await ask('maybe')).body).toEqual({ instance: null });
    expect((await ask('maybe', 'x.y.z', { 'x-tenant': 'a' })).status).toBe(401);
  });

  it('gives each its own service, endpoint and revocations', async () => {
    const { ask, app, url } = await start({ by: 'issuer' });
    const controller = app.get(WhoController);
    expect((await controller.shop.getUser(free.id)).firstName).toBe('Shopper');
    expect((await controller.staff.getUser(free.id)).firstName).toBe('Keeper');
    const [ofShop, ofStaff] = [shop.signIn(free.id), staff.signIn(free.id)];
    await controller.shop.revokeSession(ofShop.sessionId);
    expect((await ask('who', ofShop.token)).body['code']).toBe('SESSION_REVOKED');
    expect((await ask('who', ofStaff.token)).status).toBe(200);
    const body = JSON.stringify({ type: 'role.created', object: 'event', data: {}, timestamp: Date.now() });
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    for (const name of ['shop', 'staff']) {
      const headers = signatureHeaders({ id: `msg_${name}`, body, timestampSeconds }, secret);
      const response = await fetch(`${url}/webhooks/clerk/${name}`, { method: 'POST', headers, body });
      expect(response.status).toBe(204);
    }
  });

  it('by issuer: each goes by its own cookie and origins, whoever has been here before', async () => {
    const origins = { shop: 'https://shop.example.com', staff: 'https://staff.example.com' };
    const withCookie = (name: 'shop' | 'staff', sandbox: ClerkSandbox) =>
      registration(name, sandbox, { sessionCookie: true, authorizedParties: [origins[name]] });
    const { url } = await start({ by: 'issuer' }, [withCookie('shop', shop), withCookie('staff', staff)]);
    const cookieOf = (name: 'shop' | 'staff') => {
      const sandbox = name === 'shop' ? shop : staff;
      const { token } = sandbox.signIn(free.id, { origin: origins[name] });
      return `${sessionCookieNames(sandbox.publishableKey)[0]}=${token}`;
    };
    const who = async (cookie: string, origin?: string) => {
      const headers = { cookie, ...(origin === undefined ? {} : { origin }) };
      const response = await fetch(`${url}/who`, { headers });
      const { instance, code } = (await response.json()) as { instance?: string; code?: string };
      return instance ?? code;
    };
    expect(await who(cookieOf('staff'))).toBe('staff');
    expect(await who(cookieOf('staff'), origins.staff)).toBe('staff');
    expect(await who(cookieOf('shop'), origins.shop)).toBe('shop');
    expect(await who(cookieOf('shop'), origins.staff)).toBe('TOKEN_PARTY_REJECTED');
    const staffCookie = cookieOf('staff');
    const both = `${staffCookie}; ${cookieOf('shop')}`;
    expect(await who(staffCookie)).toBe('staff');
    // Remembered or not: the first registration whose cookie is good.
    expect([await who(both), await who(both)]).toEqual(['shop', 'shop']);
    expect(await who('theme=dark')).toBe('TOKEN_MISSING');
  });

  it('has no registration without a name beside it: which of the two guards would be luck', async () => {
    const { secretKey, url: apiUrl } = shop;
    @Module({
      imports: [
        ClerkModule.register({ secretKey, apiUrl, webhookPath: null }),
        ClerkInstancesModule.register({
          instances: [registration('staff', staff)],
          choose: { by: 'issuer' },
        }),
      ],
    })
    class AppModule {}
    const app = await NestFactory.create(AppModule, adapters[adapter](), {
      logger: false,
      abortOnError: false,
    });
    await expect(app.init()).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    await app.close();
  });

  it('stops the boot when the choice cannot work', async () => {
    const unnamed = () =>
      ClerkInstancesModule.register({ instances: [{ module: ConfigModule }], choose: { by: 'issuer' } });
    expect(unnamed).toThrow('ClerkModule.register()');
    const twice = () =>
      ClerkInstancesModule.register({
        instances: [registration('shop', shop), registration('shop', staff)],
        choose: { by: 'issuer' },
      });
    expect(twice).toThrow('names of their own');
    const { secretKey, url: apiUrl } = staff;
    const without = ClerkModule.register({ name: 'staff', secretKey, apiUrl, webhookPath: null });
    await expect(start({ by: 'issuer' }, [registration('shop', shop), without])).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
    await expect(start({ by: 'host', hosts: { a: 'nowhere' } })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });
});

describe('a registration with a name', () => {
  it('reads variables with its name in them, and names them in what it reports', async () => {
    const register = (name: string) => ClerkModule.register({ name });
    const load = [() => ({ CLERK_SECRET_KEY: 'sk_test_of_another', CLERK_STAFF_EU_SECRET_KEY: 'nonsense' })];
    @Module({
      imports: [ConfigModule.forRoot({ isGlobal: true, load, ignoreEnvFile: true }), register('staff-eu')],
    })
    class AppModule {}
    const starting = NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
    await expect(starting).rejects.toThrow(
      /staff-eu[^]*secretKey \(CLERK_STAFF_EU_SECRET_KEY\)[^]*CLERK_STAFF_EU_WEBHOOK_SECRET/,
    );
  });
});
