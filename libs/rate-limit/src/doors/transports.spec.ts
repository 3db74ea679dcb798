import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import {
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  type MicroserviceOptions,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { GraphQLError } from 'graphql';
import { lastValueFrom, type Observable } from 'rxjs';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

import { addressPrincipal } from '../identity/address-principal.js';
import { clientAddress } from '../identity/client-address.js';
import { countFailuresOf, RateLimitModule, TierRateLimitGuard } from '../index.js';

/** Whom the calls of a test came from. */
const callers = new Set<string>();
const KNOWN = new Set(['ip:127.0.0.1']);

/** Two calls a minute, and two failed sign-ins, of each address. */
const LIMITS = RateLimitModule.register({
  tiers: { ANONYMOUS: { windows: [{ name: 'minute', limit: 2, durationMs: 60_000 }] } },
  anonymousTier: 'ANONYMOUS',
  fallbackTier: 'ANONYMOUS',
  skip: (context) => {
    callers.add(addressPrincipal(clientAddress(context)));
    return false;
  },
});
const LIMITED = {
  status: 429,
  code: 'RATE_LIMITED',
  'violated-policies': ['minute'],
};

/** Refuses everybody, as each transport refuses who is not proved to be anybody. */
@Injectable()
class NobodyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const type = context.getType<string>();
    if (type === 'ws') throw new WsException({ status: 401 });
    if (type === 'graphql') throw new GraphQLError('Nobody.', { extensions: { code: 'UNAUTHENTICATED' } });
    if (type === 'http') throw new UnauthorizedException();
    const metadata: unknown = context.getArgByIndex(1);
    const isGrpc = typeof metadata === 'object' && metadata !== null && 'getMap' in metadata;
    throw new RpcException(isGrpc ? { code: 16, message: 'Nobody.' } : { status: 401 });
  }
}

const FailuresGuard = countFailuresOf(NobodyGuard);
/** Less the seconds that a busy machine takes for three calls: 56 and more. */
const A_MINUTE = expect.closeTo(60, -1);

const closing: (() => unknown)[] = [];

afterEach(async () => {
  callers.clear();
  for (const close of closing.splice(0).toReversed()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function thrice<T>(ask: () => Promise<T>): Promise<T[]> {
  return [await ask(), await ask(), await ask()];
}

describe.each([
  ['Fastify', () => new FastifyAdapter()],
  ['Express', () => new ExpressAdapter()],
])('GraphQL on %s', (_name, adapter) => {
  it('answers with an error that says what HTTP would have said', async () => {
    @Resolver()
    class Queries {
      @Query(() => String)
      @UseGuards(TierRateLimitGuard)
      limited() {
        return 'ok';
      }

      @Query(() => String)
      @UseGuards(FailuresGuard)
      guarded() {
        return 'ok';
      }
    }
    @Module({
      imports: [
        LIMITS,
        GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
      ],
      providers: [Queries],
    })
    class AppModule {}
    const app = await NestFactory.create(AppModule, adapter(), { logger: false });
    closing.push(() => app.close());
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/graphql`;
    const ask = async (query: string) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
      return JSON.parse(await response.text());
    };
    const [, second, third] = await thrice(() => ask('{ limited }'));
    expect(second).toEqual({ data: { limited: 'ok' } });
    expect(third.errors[0].extensions).toMatchObject({
      code: 'RATE_LIMITED',
      problem: LIMITED,
      retryAfterSeconds: A_MINUTE,
    });
    const codes = (await thrice(() => ask('{ guarded }'))).map(({ errors }) => errors[0].extensions.code);
    expect(codes).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'RATE_LIMITED']);
    expect(callers).toEqual(KNOWN);
  });
});

class Messages {
  @SubscribeMessage('limited')
  @UseGuards(TierRateLimitGuard)
  limited() {
    return { event: 'limited', data: 'ok' };
  }

  @SubscribeMessage('guarded')
  @UseGuards(FailuresGuard)
  guarded() {
    return { event: 'guarded', data: 'ok' };
  }
}

async function startGateway(adapter: 'ws' | 'socket.io'): Promise<string> {
  @WebSocketGateway({ path: '/messages' })
  class Gateway extends Messages {}
  @Module({ imports: [LIMITS], providers: [Gateway] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
  app.useWebSocketAdapter(adapter === 'ws' ? new WsAdapter(app) : new IoAdapter(app));
  closing.push(() => app.close());
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

describe('gateways', () => {
  const refusal = { ...LIMITED, retryAfterSeconds: A_MINUTE };

  it('on ws answer with an event', async () => {
    const url = await startGateway('ws');
    const ask = async (event: string): Promise<unknown> => {
      // Each on a connection of its own: they are of one address.
      const socket = new WebSocket(`${url.replace('http', 'ws')}/messages`);
      try {
        await new Promise((resolve) => socket.once('open', resolve));
        socket.send(JSON.stringify({ event, data: null }));
        return JSON.parse(String(await new Promise((resolve) => socket.once('message', resolve))));
      } finally {
        socket.close();
      }
    };
    const [, second, third] = await thrice(() => ask('limited'));
    expect([second, third]).toEqual([
      { event: 'limited', data: 'ok' },
      { event: 'exception', data: expect.objectContaining(refusal) },
    ]);
    const failures = await thrice(() => ask('guarded'));
    expect(failures).toMatchObject([{ data: { status: 401 } }, { data: { status: 401 } }, { data: refusal }]);
    expect(callers).toEqual(KNOWN);
  });

  it('on Socket.IO answer with an event', async () => {
    const url = await startGateway('socket.io');
    const ask = async (event: string): Promise<unknown> => {
      const socket = io(url, { path: '/messages', transports: ['websocket'], forceNew: true });
      try {
        const answer = new Promise((resolve) => {
          socket.once(event, resolve);
          socket.once('exception', resolve);
        });
        socket.emit(event, {});
        return await answer;
      } finally {
        socket.disconnect();
      }
    };
    const [, second, third] = await thrice(() => ask('limited'));
    expect([second, third]).toEqual(['ok', expect.objectContaining(refusal)]);
    expect(await thrice(() => ask('guarded'))).toMatchObject([{ status: 401 }, { status: 401 }, refusal]);
    expect(callers).toEqual(KNOWN);
  });
});

describe('microservices', () => {
  async function start(options: MicroserviceOptions, Handlers: new () => object): Promise<void> {
    @Module({ imports: [LIMITS], controllers: [Handlers] })
    class AppModule {}
    const app = await NestFactory.createMicroservice(AppModule, { ...options, logger: false });
    closing.push(() => app.close());
    await app.listen();
  }

  const failureOf = (answer: Observable<unknown>) =>
    lastValueFrom(answer).then(
      (value) => value,
      (error: unknown) => error,
    );

  it('over TCP answer with an RpcException', async () => {
    @Controller()
    class Handlers {
      @MessagePattern('limited')
      @UseGuards(TierRateLimitGuard)
      limited() {
        return 'ok';
      }

      @MessagePattern('guarded')
      @UseGuards(FailuresGuard)
      guarded() {
        return 'ok';
      }
    }
    const options = { host: '127.0.0.1', port: await freePort() };
    await start({ transport: Transport.TCP, options }, Handlers);
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    closing.push(() => client.close());
    const refusal = { ...LIMITED, retryAfterSeconds: A_MINUTE };
    const [, second, third] = await thrice(() => failureOf(client.send('limited', {})));
    expect([second, third]).toEqual(['ok', expect.objectContaining(refusal)]);
    expect(await thrice(() => failureOf(client.send('guarded', {})))).toMatchObject([
      { status: 401 },
      { status: 401 },
      refusal,
    ]);
    expect(callers).toEqual(KNOWN);
  });

  it('over gRPC answer with its own statuses: RESOURCE_EXHAUSTED', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rate-limit-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const protoPath = join(folder, 'limits.proto');
    writeFileSync(
      protoPath,
      'syntax = "proto3"; package limits; message Empty {} message Answer { string value = 1; }' +
        'service Limits { rpc Limited (Empty) returns (Answer); rpc Guarded (Empty) returns (Answer); }',
    );
    @Controller()
    class Handlers {
      @GrpcMethod('Limits', 'Limited')
      @UseGuards(TierRateLimitGuard)
      limited() {
        return { value: 'ok' };
      }

      @GrpcMethod('Limits', 'Guarded')
      @UseGuards(FailuresGuard)
      guarded() {
        return { value: 'ok' };
      }
    }
    const options = { package: 'limits', protoPath, url: `127.0.0.1:${await freePort()}` };
    await start({ transport: Transport.GRPC, options }, Handlers);
    const client = ClientProxyFactory.create({ transport: Transport.GRPC, options });
    closing.push(() => client.close());
    const limits = client.getService<Record<string, (message: object) => Observable<unknown>>>('Limits');
    const ask = (name: string) => failureOf(limits[name]?.({}) as Observable<unknown>);
    const [, second, third] = await thrice(() => ask('limited'));
    expect([second, third]).toMatchObject([{ value: 'ok' }, { code: 8 }]);
    expect(await thrice(() => ask('guarded'))).toMatchObject([{ code: 16 }, { code: 16 }, { code: 8 }]);
    expect(callers).toEqual(KNOWN);
  });
});
