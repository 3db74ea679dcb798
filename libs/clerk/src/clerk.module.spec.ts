import { request } from 'node:http';

import { type Type, Controller, Get, type INestApplication, Logger, Module, UseGuards } from '@nestjs/common';
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

import * as library from './index.js';
import {
  AcceptTokens,
  type Auth,
  ClerkAuthGuard,
  ClerkModule,
  type ClerkModuleExtras,
  type ClerkModuleOptions,
  ClerkService,
  CurrentAuth,
  CurrentUser,
  type MirroredUser,
  Public,
} from './index.js';

const { free, pro } = SEEDED_USERS;

@Controller()
@UseGuards(ClerkAuthGuard)
class WhoController {
  @Get('who')
  who(@CurrentAuth() auth: Auth) {
    return { tokenType: auth.tokenType, id: auth.tokenType === 'session_token' ? auth.userId : auth.subject };
  }

  @Get('user')
  user(@CurrentUser() user: MirroredUser) {
    return { name: user.firstName };
  }

  @Get('machine')
  @AcceptTokens('m2m_token')
  machine(@CurrentAuth() auth: Auth) {
    return { tokenType: auth.tokenType };
  }

  @Get('machine-user')
  @AcceptTokens('m2m_token')
  machineUser(@CurrentUser() user: MirroredUser) {
    return { name: user.firstName };
  }

  @Public(true)
  @Get('open')
  open() {
    return { open: true };
  }

  @Public(true)
  @Get('open-auth')
  openAuth(@CurrentAuth() auth: Auth) {
    return auth;
  }
}

@Controller('second')
@UseGuards(ClerkAuthGuard)
class SecondController {
  @Get('who')
  who(@CurrentAuth() auth: Auth) {
    return { id: auth.tokenType === 'session_token' ? auth.userId : auth.subject };
  }
}

const adapters = { fastify: () => new FastifyAdapter(), express: () => new ExpressAdapter() };
const running: { close(): Promise<unknown> }[] = [];
let sandbox: ClerkSandbox;

beforeAll(() => Logger.overrideLogger(false));

beforeEach(async () => {
  sandbox = await ClerkSandbox.start();
  running.push({ close: () => sandbox.stop() });
});

afterEach(async () => {
  for (const part of running.splice(0).toReversed()) await part.close();
});

function optionsOf(clerk: ClerkSandbox, webhookSecret: string): ClerkModuleOptions {
  const { secretKey, publishableKey, url: apiUrl } = clerk;
  return { secretKey, publishableKey, apiUrl, webhookSecrets: webhookSecret };
}

async function listen(
  root: Type<unknown>,
  adapter: keyof typeof adapters,
): Promise<{ app: INestApplication; url: string }> {
  const app = await NestFactory.create(root, adapters[adapter](), { logger: false, abortOnError: false });
  running.push(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

async function get(url: string, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

function postWebhook(url: string, body: string, secret: string) {
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const id = `msg_${Math.random().toString(36).slice(2)}`;
  const headers = {
    ...signatureHeaders({ id, timestampSeconds, body }, secret),
    'content-type': 'application/json',
  };
  return fetch(url, { method: 'POST', body, headers });
}

describe.each(['fastify', 'express'] as const)('the module on %s', (adapter) => {
  async function start(extras: ClerkModuleExtras = {}) {
    const secret = createWebhookSecret();
    @Module({
      imports: [ClerkModule.register({ ...optionsOf(sandbox, secret), ...extras })],
      controllers: [WhoController],
    })
    class AppModule {}
    return { secret, ...(await listen(AppModule, adapter)) };
  }

  it('lets a session token through, and says who sent it', async () => {
    const { url } = await start();
    const answer = await get(`${url}/who`, sandbox.signIn(free.id).token);
    expect([answer.status, answer.body]).toEqual([200, { tokenType: 'session_token', id: free.id }]);
    expect((await get(`${url}/user`, sandbox.signIn(pro.id).token)).body).toEqual({ name: 'Paul' });
  });

  it('refuses a request without a token, or with a bad one, as problem+json', async () => {
    const { url } = await start();
    const missing = await get(`${url}/who`);
    expect([missing.status, missing.body.code]).toEqual([401, 'TOKEN_MISSING']);
    expect(missing.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(missing.headers.get('www-authenticate')).toBe('Bearer');
    const bad = await get(`${url}/who`, sandbox.signIn(free.id, { issuedAtSeconds: 1_000_000_000 }).token);
    expect([bad.status, bad.body.code]).toEqual([401, 'TOKEN_EXPIRED']);
  });

  it('answers 503 with Retry-After while Clerk is down and no key is known', async () => {
    const { url } = await start();
    sandbox.faults.add({ kind: 'down' });
    const answer = await get(`${url}/who`, sandbox.signIn(free.id).token);
    expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([
      503,
      'CLERK_UNAVAILABLE',
      '5',
    ]);
  });

  it('leaves a public route alone, whatever token comes with it', async () => {
    const { url } = await start();
    expect((await get(`${url}/open`)).body).toEqual({ open: true });
    expect((await get(`${url}/open`, 'garbage')).body).toEqual({ open: true });
    expect((await get(`${url}/open-auth`, sandbox.signIn(free.id).token)).body.code).toBe('TOKEN_MISSING');
    expect(sandbox.requestCounts.size).toBe(0);
  });

  it('takes the kinds of token that a route names, and no other', async () => {
    const { url } = await start();
    const { machineToken } = SEEDED_MACHINE_SECRETS;
    expect((await get(`${url}/machine`, machineToken)).body).toEqual({ tokenType: 'm2m_token' });
    expect((await get(`${url}/who`, machineToken)).body.code).toBe('TOKEN_TYPE_REJECTED');
    expect((await get(`${url}/machine`, sandbox.signIn(free.id).token)).body.code).toBe(
      'TOKEN_TYPE_REJECTED',
    );
    const noUser = await get(`${url}/machine-user`, machineToken);
    expect([noUser.status, noUser.body.code]).toEqual([403, 'NOT_ALLOWED']);
  });

  it('receives webhooks on raw bytes, with no switch of the application', async () => {
    const { url, secret } = await start({ webhookPath: ['hooks/a', 'hooks/b'] });
    const body = '{ "type": "session.created",\n "data": {"id":"sess_1"}, "timestamp": 1.0 }';
    for (const path of ['hooks/a', 'hooks/b']) {
      expect((await postWebhook(`${url}/${path}`, body, secret)).status).toBe(204);
    }
    const forged = await postWebhook(`${url}/hooks/a`, body, createWebhookSecret());
    expect([forged.status, await forged.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'WEBHOOK_SIGNATURE_INVALID' }),
    ]);
    expect((await postWebhook(`${url}/webhooks/clerk`, body, secret)).status).toBe(404);
  });

  it('refuses a webhook that is too large without reading it to its end', async () => {
    const { url, secret } = await start();
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const timestampSeconds = Math.floor(Date.now() / 1000);
      const headers = signatureHeaders({ id: 'msg_large', timestampSeconds, body: '' }, secret);
      const req = request(`${url}/webhooks/clerk`, { method: 'POST', headers }, (res) =>
        resolve(res.statusCode),
      );
      req.on('error', reject);
      // It never ends: the answer has to come before.
      req.write(Buffer.alloc(2_000_000, 'a'));
    });
    expect(answer).toBe(413);
  });

  it('follows the webhooks of a user who is deleted, without a database too', async () => {
    const { app, url, secret } = await start();
    const { token } = sandbox.signIn(free.id);
    expect((await get(`${url}/user`, token)).status).toBe(200);
    const data = { object: 'user', id: free.id, deleted: true };
    await postWebhook(
      `${url}/webhooks/clerk`,
      JSON.stringify({ type: 'user.deleted', data, timestamp: Date.now() }),
      secret,
    );
    const deadline = Date.now() + 20_000;
    while ((await get(`${url}/who`, token)).status === 200 && Date.now() < deadline);
    expect((await get(`${url}/who`, token)).body.code).toBe('USER_DELETED');
    expect(await app.get(ClerkService).findMirroredUser(free.id)).toMatchObject({ outcome: 'deleted' });
  });

  it('stands beside another one, each with its own keys, endpoint and users', async () => {
    const second = await ClerkSandbox.start();
    running.push({ close: () => second.stop() });
    const secrets = [createWebhookSecret(), createWebhookSecret()] as const;
    const local = { isGlobal: false };
    @Module({
      imports: [
        ClerkModule.register({ ...optionsOf(sandbox, secrets[0]), ...local, webhookPath: 'hooks/first' }),
      ],
      controllers: [WhoController],
    })
    class FirstModule {}
    @Module({
      imports: [
        ClerkModule.register({ ...optionsOf(second, secrets[1]), ...local, webhookPath: 'hooks/second' }),
      ],
      controllers: [SecondController],
    })
    class SecondModule {}
    @Module({ imports: [FirstModule, SecondModule] })
    class AppModule {}
    const { url } = await listen(AppModule, adapter);

    const [token, secondToken] = [sandbox.signIn(free.id).token, second.signIn(free.id).token];
    expect((await get(`${url}/who`, token)).status).toBe(200);
    expect((await get(`${url}/second/who`, secondToken)).status).toBe(200);
    expect((await get(`${url}/who`, secondToken)).body.code).toBe('TOKEN_KEY_UNKNOWN');
    expect((await get(`${url}/second/who`, token)).body.code).toBe('TOKEN_KEY_UNKNOWN');
    const body = JSON.stringify({ type: 'session.ended', data: { id: 'sess_1' } });
    for (const [index, path] of ['hooks/first', 'hooks/second'].entries()) {
      expect((await postWebhook(`${url}/${path}`, body, secrets[index === 0 ? 0 : 1])).status).toBe(204);
      expect((await postWebhook(`${url}/${path}`, body, secrets[index === 0 ? 1 : 0])).status).toBe(400);
    }
  });
});

describe('the registration', () => {
  it('reads everything from the environment when it is given nothing', async () => {
    const env = {
      CLERK_SECRET_KEY: sandbox.secretKey,
      CLERK_PUBLISHABLE_KEY: sandbox.publishableKey,
      CLERK_API_URL: sandbox.url,
      CLERK_WEBHOOK_SECRET: createWebhookSecret(),
    };
    @Module({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => env] }), ClerkModule.register()],
      controllers: [WhoController],
    })
    class AppModule {}
    const { url } = await listen(AppModule, 'fastify');
    expect((await get(`${url}/who`, sandbox.signIn(free.id).token)).status).toBe(200);
  });

  it('takes a factory', async () => {
    @Module({
      imports: [
        ClerkModule.registerAsync({
          webhookPath: null,
          useFactory: () =>
            Promise.resolve({ ...optionsOf(sandbox, createWebhookSecret()), jwtKey: sandbox.jwtKey }),
        }),
      ],
      controllers: [WhoController],
    })
    class AppModule {}
    const { app, url } = await listen(AppModule, 'fastify');
    expect((await get(`${url}/who`, sandbox.signIn(free.id).token)).status).toBe(200);
    expect(sandbox.requestCounts.size).toBe(0);
    expect((await fetch(`${url}/webhooks/clerk`, { method: 'POST' })).status).toBe(404);
    expect((await app.get(ClerkService).getUser(pro.id)).firstName).toBe('Paul');
  });

  it('stops the boot when options are missing, with one message', async () => {
    @Module({ imports: [ClerkModule.register({ secretKey: 'wrong', webhookSecrets: '' })] })
    class AppModule {}
    await expect(listen(AppModule, 'fastify')).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/secretKey[\s\S]+webhookSecrets/),
    });
  });
});

describe('the service', () => {
  it('does what its names say', async () => {
    const secret = createWebhookSecret();
    @Module({ imports: [ClerkModule.register(optionsOf(sandbox, secret))] })
    class AppModule {}
    const { app } = await listen(AppModule, 'fastify');
    const clerk = app.get(ClerkService);

    const user = await clerk.createUser({ emailAddress: ['service@example.com'], firstName: 'Sam' });
    expect(
      (await clerk.listUsers({ emailAddress: ['service@example.com'] })).data.map(({ id }) => id),
    ).toEqual([user.id]);
    expect((await clerk.updateUser(user.id, { firstName: 'Sal' })).firstName).toBe('Sal');
    expect((await clerk.updateUserMetadata(user.id, { publicMetadata: { a: 1 } })).publicMetadata).toEqual({
      a: 1,
    });
    expect(await clerk.syncUser(user.id)).toMatchObject({
      outcome: 'created',
      user: { firstName: 'Sal', metadata: { a: 1 } },
    });
    expect(await clerk.findMirroredUser(user.id)).toMatchObject({ outcome: 'found' });

    const session = await clerk.createSession(user.id);
    const token = sandbox.signSessionToken(session.id);
    const auth = await clerk.verifyToken(token);
    expect(auth).toMatchObject({ userId: user.id, sessionId: session.id });
    expect(await clerk.currentUser(auth)).toMatchObject({ firstName: 'Sal' });
    expect(await clerk.validateSession(session.id)).toMatchObject({
      outcome: 'active',
      session: { userId: user.id },
    });
    await clerk.revokeSession(session.id);
    expect(await clerk.validateSession(session.id)).toEqual({ outcome: 'inactive', status: 'revoked' });
    await expect(clerk.verifyToken(token)).rejects.toMatchObject({ code: 'SESSION_REVOKED' });
    expect(await clerk.listOrganizationIds(free.id)).toEqual([]);
    const everybody: string[] = [];
    for await (const { id } of clerk.allUsers()) everybody.push(id);
    expect(everybody).toHaveLength(4);

    const body = Buffer.from(JSON.stringify({ type: 'user.updated', data: { id: 'user_x' } }));
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const headers = signatureHeaders({ id: 'msg_1', timestampSeconds, body }, secret);
    expect(await clerk.processWebhook(body, headers)).toEqual({ outcome: 'stored', deliveryId: 'msg_1' });
    expect(await clerk.processWebhook(body, headers)).toEqual({ outcome: 'duplicate', deliveryId: 'msg_1' });
    await expect(clerk.processWebhook(Buffer.from('{}'), headers)).rejects.toMatchObject({
      code: 'WEBHOOK_SIGNATURE_INVALID',
    });

    await clerk.deleteUser(user.id);
    await expect(clerk.getUser(user.id)).rejects.toMatchObject({ code: 'CLERK_RESOURCE_NOT_FOUND' });
  });
});

describe('the front door', () => {
  it('has these names: changing them is a decision', () => {
    expect(Object.keys(library).toSorted()).toEqual([
      'AcceptTokens',
      'Authorize',
      'ClerkAuthGuard',
      'ClerkError',
      'ClerkExceptionFilter',
      'ClerkHttpException',
      'ClerkInstancesModule',
      'ClerkModule',
      'ClerkService',
      'ClerkSockets',
      'ClerkSync',
      'CurrentAuth',
      'CurrentUser',
      'DenyImpersonation',
      'InjectClerk',
      'MongoUserStore',
      'OnClerkEvent',
      'OptionalAuth',
      'Public',
      'RequestAuthenticator',
      'RequireFeature',
      'RequireOrganization',
      'RequirePermission',
      'RequirePlan',
      'RequireReverification',
      'RequireRole',
      'Scopes',
      'UseClerkInstance',
      'WebhookMetrics',
      'getClerkToken',
      'getRequestAuth',
      'problemOf',
      'runCommandLine',
    ]);
  });
});
