import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Metadata } from '@grpc/grpc-js';
import { Controller, type INestMicroservice, Module, type Type, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientGrpcProxy,
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { ClerkSandbox, SEEDED_ORGANIZATION, SEEDED_USERS } from 'clerk-sandbox';
import { firstValueFrom, type Observable } from 'rxjs';

import {
  type Auth,
  ClerkAuthGuard,
  ClerkError,
  ClerkModule,
  CurrentAuth,
  CurrentUser,
  type MirroredUser,
  OptionalAuth,
  Public,
  RequireOrganization,
  RequireRole,
} from '../../index.js';

const { free, enterprise } = SEEDED_USERS;

interface Answer {
  readonly value: string;
}

@Controller()
@UseGuards(ClerkAuthGuard)
class WhoHandlers {
  @MessagePattern('who')
  who(@CurrentAuth() auth: Auth): Answer {
    return { value: auth.tokenType === 'session_token' ? auth.userId : auth.subject };
  }

  @MessagePattern('user')
  user(@CurrentUser() user: MirroredUser): Answer {
    return { value: user.firstName ?? '' };
  }

  @MessagePattern('maybe')
  @OptionalAuth(true)
  maybe(@CurrentAuth() auth: Auth | null): Answer {
    return { value: auth === null ? 'nobody' : 'somebody' };
  }

  @MessagePattern('admin')
  @RequireRole('org:admin')
  admin(): Answer {
    return { value: 'admin' };
  }

  @MessagePattern('tenant')
  @RequireOrganization({ param: 'organization' })
  tenant(): Answer {
    return { value: 'tenant' };
  }

  @MessagePattern('throws')
  throws(): Answer {
    throw new ClerkError('NOT_ALLOWED', 'Not that.');
  }

  @MessagePattern('open')
  @Public(true)
  open(): Answer {
    return { value: 'open' };
  }
}

@Controller()
@UseGuards(ClerkAuthGuard)
class GrpcHandlers {
  @GrpcMethod('Who', 'Who')
  who(@CurrentAuth() auth: Auth): Answer {
    return { value: auth.tokenType === 'session_token' ? auth.userId : auth.subject };
  }

  @GrpcMethod('Who', 'Admin')
  @RequireRole('org:admin')
  admin(): Answer {
    return { value: 'admin' };
  }
}

let sandbox: ClerkSandbox;

beforeAll(async () => {
  sandbox = await ClerkSandbox.start();
});

afterAll(() => sandbox.stop());

async function start(controller: Type, options: MicroserviceOptions): Promise<INestMicroservice> {
  const { secretKey, publishableKey, url: apiUrl } = sandbox;
  @Module({
    imports: [ClerkModule.register({ secretKey, publishableKey, apiUrl, webhookPath: null })],
    controllers: [controller],
  })
  class AppModule {}
  const service = await NestFactory.createMicroservice(AppModule, { ...options, logger: false });
  await service.listen();
  return service;
}

/** What was answered, or what the exception told. */
async function outcome(answer: Observable<Answer>): Promise<unknown> {
  try {
    return (await firstValueFrom(answer)).value;
  } catch (error) {
    return error;
  }
}

describe('handlers of TCP messages', () => {
  const port = 20_000 + (process.pid % 20_000);
  let service: INestMicroservice;
  let client: ReturnType<typeof ClientProxyFactory.create>;

  beforeAll(async () => {
    service = await start(WhoHandlers, { transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  });

  afterAll(async () => {
    client.close();
    await service.close();
  });

  const send = (pattern: string, token?: string, payload: object = {}) =>
    outcome(
      client.send<Answer>(pattern, {
        ...payload,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      }),
    );

  it('take the token out of the payload', async () => {
    const { token } = sandbox.signIn(free.id);
    expect(await send('who', token)).toBe(free.id);
    expect(await send('user', token)).toBe('Fiona');
  });

  it('refuse with the code and status that HTTP would answer', async () => {
    expect(await send('who')).toMatchObject({ status: 401, code: 'TOKEN_MISSING' });
    expect(await send('who', 'x.y.z')).toMatchObject({ status: 401, code: 'TOKEN_MALFORMED' });
    expect(await send('admin', sandbox.signIn(free.id).token)).toMatchObject({
      status: 403,
      code: 'NOT_ALLOWED',
    });
  });

  it('let nobody through where that is allowed, and everybody where it is public', async () => {
    expect([
      await send('maybe'),
      await send('maybe', sandbox.signIn(free.id).token),
      await send('open'),
    ]).toEqual(['nobody', 'somebody', 'open']);
  });

  it('match the organisation that the payload names', async () => {
    const { token } = sandbox.signIn(enterprise.id, { organizationId: SEEDED_ORGANIZATION.id });
    expect(await send('tenant', token, { organization: SEEDED_ORGANIZATION.id })).toBe('tenant');
    expect(await send('tenant', token, { organization: 'org_another' })).toMatchObject({
      code: 'NOT_ALLOWED',
    });
  });

  it('tell of errors that the handler itself throws', async () => {
    expect(await send('throws', sandbox.signIn(free.id).token)).toMatchObject({
      status: 403,
      code: 'NOT_ALLOWED',
    });
  });
});

const PROTO = `syntax = "proto3";
package who;
service Who { rpc Who (Nothing) returns (Answer); rpc Admin (Nothing) returns (Answer); }
message Nothing {}
message Answer { string value = 1; }
`;

describe('handlers of gRPC calls', () => {
  const url = `127.0.0.1:${40_000 + (process.pid % 20_000)}`;
  const folder = mkdtempSync(join(tmpdir(), 'clerk-grpc-'));
  const protoPath = join(folder, 'who.proto');
  let service: INestMicroservice;
  let client: ClientGrpcProxy;

  beforeAll(async () => {
    writeFileSync(protoPath, PROTO);
    service = await start(GrpcHandlers, {
      transport: Transport.GRPC,
      options: { package: 'who', protoPath, url },
    });
    client = ClientProxyFactory.create({
      transport: Transport.GRPC,
      options: { package: 'who', protoPath, url },
    });
  });

  afterAll(async () => {
    client.close();
    await service.close();
    rmSync(folder, { recursive: true });
  });

  function call(method: 'who' | 'admin', authorization?: string): Promise<unknown> {
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set('authorization', authorization);
    type Who = Record<'who' | 'admin', (message: object, metadata: Metadata) => Observable<Answer>>;
    return outcome(client.getService<Who>('Who')[method]({}, metadata));
  }

  it('take the token out of the metadata', async () => {
    expect(await call('who', `Bearer ${sandbox.signIn(free.id).token}`)).toBe(free.id);
  });

  it('refuse with the status codes of gRPC', async () => {
    expect(await call('who')).toMatchObject({ code: 16, details: expect.stringContaining('TOKEN_MISSING') });
    expect(await call('who', 'Bearer x.y.z')).toMatchObject({ code: 16 });
    expect(await call('admin', `Bearer ${sandbox.signIn(free.id).token}`)).toMatchObject({
      code: 7,
      details: expect.stringContaining('NOT_ALLOWED'),
    });
  });

  it('say UNAVAILABLE when Clerk cannot be asked', async () => {
    sandbox.rotateKeys({ keepPrevious: true });
    sandbox.faults.add({ kind: 'status', status: 500, times: 5 });
    const { token } = sandbox.signIn(free.id);
    expect(await call('who', `Bearer ${token}`)).toMatchObject({ code: 14 });
    sandbox.faults.clear();
  });
});
