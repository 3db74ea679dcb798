import { Inject, type INestApplication, Module, UseFilters, UseGuards } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { ClerkSandbox, SEEDED_ORGANIZATION, SEEDED_USERS } from 'clerk-sandbox';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';

import {
  type Auth,
  ClerkAuthGuard,
  ClerkExceptionFilter,
  ClerkModule,
  ClerkService,
  ClerkSockets,
  type ClientSocket,
  CurrentAuth,
  CurrentUser,
  type MirroredUser,
  Public,
  RequireOrganization,
} from '../../index.js';
import { Revoker } from '../revoker.service.js';

const { free, pro, enterprise } = SEEDED_USERS;
const ORIGIN = 'https://app.example.com';

class Messages {
  constructor(@Inject(ClerkSockets) private readonly sockets: ClerkSockets) {}

  async handleConnection(
    socket: ClientSocket,
    request?: Parameters<ClerkSockets['connect']>[1],
  ): Promise<void> {
    await this.sockets.connect(socket, request, { accepted: ['session_token', 'm2m_token'] });
  }

  @SubscribeMessage('who')
  who(@CurrentAuth() auth: Auth) {
    return { event: 'who', data: auth.tokenType === 'session_token' ? auth.userId : auth.subject };
  }

  @SubscribeMessage('user')
  user(@CurrentUser() user: MirroredUser) {
    return { event: 'user', data: user.firstName };
  }

  @SubscribeMessage('organization')
  organization(@CurrentAuth() auth: Auth) {
    return { event: 'organization', data: auth.tokenType === 'session_token' ? auth.organization?.id : null };
  }

  @SubscribeMessage('public')
  @Public(true)
  public(@CurrentAuth() auth: Auth) {
    return { event: 'public', data: auth.tokenType };
  }

  @SubscribeMessage('tenant')
  @RequireOrganization({ param: 'organization' })
  tenant() {
    return { event: 'tenant', data: 'tenant' };
  }

  @SubscribeMessage('renew')
  async renew(@ConnectedSocket() socket: ClientSocket, @MessageBody() { token }: { token: string }) {
    const { sessionId } = await this.sockets.renew(socket, token);
    return { event: 'renew', data: sessionId };
  }
}

@WebSocketGateway({ path: '/guarded' })
@UseGuards(ClerkAuthGuard)
@UseFilters(ClerkExceptionFilter)
class GuardedGateway extends Messages implements OnGatewayConnection {}

/** Guarded as the application is: by `APP_GUARD`. */
@WebSocketGateway({ path: '/forgotten' })
class ForgottenGateway {
  @SubscribeMessage('who')
  who() {
    return { event: 'who', data: 'let through' };
  }

  @SubscribeMessage('open')
  @Public(true)
  open() {
    return { event: 'open', data: 'open' };
  }
}

let sandbox: ClerkSandbox;
const apps: INestApplication[] = [];
const open: { close(): void }[] = [];

beforeAll(async () => {
  sandbox = await ClerkSandbox.start();
});

afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

afterAll(async () => {
  for (const app of apps) await app.close();
  await sandbox.stop();
});

async function start(adapter: 'ws' | 'socket.io'): Promise<INestApplication> {
  const { secretKey, publishableKey, url: apiUrl } = sandbox;
  const authorizedParties = [ORIGIN];
  @Module({
    imports: [
      ClerkModule.register({
        secretKey,
        publishableKey,
        apiUrl,
        authorizedParties,
        sessionCookie: true,
        // What a connection may do ends with its token, to the second.
        clockSkewSeconds: adapter === 'ws' ? 0 : 5,
        webhookPath: null,
      }),
    ],
    providers: [
      ...(adapter === 'ws' ? [GuardedGateway, ForgottenGateway] : [GuardedGateway]),
      { provide: APP_GUARD, useClass: ClerkAuthGuard },
    ],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
  app.useWebSocketAdapter(adapter === 'ws' ? new WsAdapter(app) : new IoAdapter(app));
  await app.listen(0, '127.0.0.1');
  apps.push(app);
  return app;
}

const signIn = (userId: string, options = {}) => sandbox.signIn(userId, { origin: ORIGIN, ...options });

describe('a gateway on ws', () => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    app = await start('ws');
    url = (await app.getUrl()).replace('http', 'ws');
  });

  function connect(options: {
    token?: string;
    protocols?: string[];
    headers?: Record<string, string>;
    path?: string;
  }) {
    const { token, protocols = [], headers = {}, path = '/guarded' } = options;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(`${url}${path}`, protocols, { headers: { ...headers, ...authorization } });
    open.push(socket);
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    const opened = new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    async function ask(event: string, data: unknown = {}): Promise<{ event: string; data: unknown }> {
      await opened;
      const answer = new Promise<string>((resolve) => {
        socket.once('message', (bytes: Buffer) => resolve(bytes.toString()));
      });
      socket.send(JSON.stringify({ event, data }));
      return JSON.parse(await answer) as { event: string; data: unknown };
    }
    return { closed, ask };
  }

  it('knows who opened the connection, by header or subprotocol', async () => {
    const { token } = signIn(free.id);
    expect(await connect({ token }).ask('who')).toEqual({ event: 'who', data: free.id });
    expect(await connect({ protocols: ['bearer', token] }).ask('who')).toEqual({
      event: 'who',
      data: free.id,
    });
    expect(await connect({ token }).ask('user')).toEqual({ event: 'user', data: 'Fiona' });
  });

  it('takes the cookie of a page that is known, and of no other', async () => {
    const cookie = `__session=${signIn(free.id).token}`;
    const ours = connect({ headers: { cookie, origin: ORIGIN } });
    expect(await ours.ask('who')).toEqual({ event: 'who', data: free.id });
    const foreign = connect({ headers: { cookie, origin: 'https://evil.example' } });
    expect(await foreign.closed).toEqual({ code: 4401, reason: 'TOKEN_PARTY_REJECTED' });
  });

  it('closes with 4401 what brings no token, or a bad one', async () => {
    expect(await connect({}).closed).toEqual({ code: 4401, reason: 'TOKEN_MISSING' });
    expect(await connect({ token: 'x.y.z' }).closed).toEqual({ code: 4401, reason: 'TOKEN_MALFORMED' });
  });

  it('closes with 4401 when the token expires', async () => {
    const { token } = signIn(free.id, { expiresInSeconds: 1 });
    const startedMs = Date.now();
    expect(await connect({ token }).closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' });
    expect(Date.now() - startedMs).toBeLessThan(2_000);
  });

  it('stays open beyond that when a message brings the next token of the session', async () => {
    const { token, sessionId } = signIn(free.id, { expiresInSeconds: 1 });
    const client = connect({ token });
    const next = sandbox.signSessionToken(sessionId, { origin: ORIGIN, expiresInSeconds: 3 });
    expect(await client.ask('renew', { token: next })).toEqual({ event: 'renew', data: sessionId });
    const first = await Promise.race([
      client.closed,
      new Promise((resolve) => setTimeout(resolve, 1_500, 'open')),
    ]);
    expect(first).toBe('open');
    expect(await client.ask('who')).toEqual({ event: 'who', data: free.id });
    expect(await client.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' });
  });

  it('takes no token of another session or user for that', async () => {
    const client = connect({ token: signIn(free.id).token });
    for (const userId of [free.id, pro.id]) {
      const answer = await client.ask('renew', { token: signIn(userId).token });
      expect(answer).toMatchObject({ event: 'exception', data: { status: 403, code: 'NOT_ALLOWED' } });
    }
    expect(await client.ask('renew', { token: 'x.y.z' })).toMatchObject({
      data: { code: 'TOKEN_MALFORMED' },
    });
    expect(await client.ask('who')).toEqual({ event: 'who', data: free.id });
  });

  it('takes no token for another organisation for that: what was let in for one must not go on in the other', async () => {
    const inOrganization = { organizationId: SEEDED_ORGANIZATION.id };
    const { token, sessionId } = signIn(enterprise.id, inOrganization);
    const client = connect({ token });
    expect(await client.ask('organization')).toMatchObject({ data: SEEDED_ORGANIZATION.id });
    const claims = { o: { id: 'org_other', slg: 'other', rol: 'admin' } };
    const other = sandbox.signSessionToken(sessionId, { origin: ORIGIN, claims });
    expect(await client.ask('renew', { token: other })).toMatchObject({ data: { code: 'NOT_ALLOWED' } });
    expect(await client.ask('organization')).toMatchObject({ data: SEEDED_ORGANIZATION.id });
  });

  it.each([[{}], ['text']])(
    'takes nobody for whoever sent another message, where it did not look: %j',
    async (data) => {
      const client = connect({ token: signIn(free.id).token });
      expect(await client.ask('who', data)).toEqual({ event: 'who', data: free.id });
      expect(await client.ask('public', data)).toMatchObject({ event: 'exception' });
    },
  );

  it('closes with 4401 what was opened with a machine token, when that expires', async () => {
    const token = sandbox.machine.signMachineJwt('mch_1', { lifetimeSeconds: 1 });
    expect(await connect({ token }).closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' });
  });

  it('closes with 4401 all connections of a user who is banned', async () => {
    const [first, second] = [
      connect({ token: signIn(pro.id).token }),
      connect({ token: signIn(pro.id).token }),
    ];
    const bystander = connect({ token: signIn(free.id).token });
    await Promise.all([first.ask('who'), second.ask('who'), bystander.ask('who')]);
    app
      .get(Revoker, { strict: false })
      .revoke({ kind: 'user', userId: pro.id, atMs: Date.now(), isDeleted: false });
    const ended = { code: 4401, reason: 'SESSION_REVOKED' };
    expect(await Promise.all([first.closed, second.closed])).toEqual([ended, ended]);
    expect(await bystander.ask('who')).toEqual({ event: 'who', data: free.id });
  });

  it('closes with 4401 when the session is revoked, and leaves the others of the user alone', async () => {
    const { token, sessionId } = signIn(free.id);
    const [revoked, other] = [connect({ token }), connect({ token: signIn(free.id).token })];
    await Promise.all([revoked.ask('who'), other.ask('who')]);
    await app.get(ClerkService).revokeSession(sessionId);
    expect(await revoked.closed).toEqual({ code: 4401, reason: 'SESSION_REVOKED' });
    expect(await other.ask('who')).toEqual({ event: 'who', data: free.id });
  });

  it('demands of each message what its handler demands', async () => {
    const client = connect({
      token: signIn(enterprise.id, { organizationId: SEEDED_ORGANIZATION.id }).token,
    });
    expect(await client.ask('tenant', { organization: SEEDED_ORGANIZATION.id })).toMatchObject({
      data: 'tenant',
    });
    expect(await client.ask('tenant', { organization: 'org_another' })).toMatchObject({
      event: 'exception',
      data: { status: 403, code: 'NOT_ALLOWED' },
    });
  });

  it('denies all messages where nobody looked at the connection', async () => {
    const client = connect({ token: signIn(free.id).token, path: '/forgotten' });
    expect(await client.ask('who')).toMatchObject({ event: 'exception', data: { code: 'TOKEN_MISSING' } });
    expect(await client.ask('open')).toEqual({ event: 'open', data: 'open' });
  });

  it('closes with 1013 when Clerk cannot be asked', async () => {
    sandbox.rotateKeys({ keepPrevious: true });
    sandbox.faults.add({ kind: 'status', status: 500, times: 5 });
    const client = connect({ token: signIn(free.id).token });
    expect(await client.closed).toEqual({ code: 1013, reason: 'CLERK_UNAVAILABLE' });
    sandbox.faults.clear();
  });
});

describe('a gateway on Socket.IO', () => {
  let url: string;

  beforeAll(async () => {
    url = await (await start('socket.io')).getUrl();
  });

  function connect(token?: string): Socket {
    const socket = io(url, {
      path: '/guarded',
      transports: ['websocket'],
      reconnection: false,
      ...(token === undefined ? {} : { auth: { token } }),
    });
    open.push(socket);
    return socket;
  }

  const next = (socket: Socket, event: string) =>
    new Promise<unknown>((resolve) => {
      socket.once(event, resolve);
    });

  it('knows who opened the connection', async () => {
    const socket = connect(signIn(free.id).token);
    socket.emit('who', {});
    expect(await next(socket, 'who')).toBe(free.id);
  });

  it('tells why, and disconnects what brings no token', async () => {
    const socket = connect();
    const disconnected = next(socket, 'disconnect');
    expect(await next(socket, 'exception')).toMatchObject({ status: 401, code: 'TOKEN_MISSING' });
    expect(await disconnected).toBe('io server disconnect');
  });

  it('disconnects when the token expires, unless it was renewed', async () => {
    const { token, sessionId } = signIn(free.id, { expiresInSeconds: 1 });
    const [left, renewed] = [connect(token), connect(token)];
    const [told, ended] = [next(left, 'exception'), next(left, 'disconnect')];
    const startedMs = Date.now();
    renewed.emit('renew', {
      token: sandbox.signSessionToken(sessionId, { origin: ORIGIN, expiresInSeconds: 30 }),
    });
    expect(await next(renewed, 'renew')).toBe(sessionId);
    expect(await told).toMatchObject({ code: 'TOKEN_EXPIRED' });
    expect(await ended).toBe('io server disconnect');
    // Requests are granted a clock skew; a connection that goes on for ever is not.
    expect(Date.now() - startedMs).toBeLessThan(4_000);
    renewed.emit('who', {});
    expect(await next(renewed, 'who')).toBe(free.id);
  });
});
