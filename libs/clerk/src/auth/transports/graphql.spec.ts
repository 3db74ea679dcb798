import { type INestApplication, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Args,
  Field,
  GraphQLModule,
  Mutation,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ClerkSandbox, SEEDED_ORGANIZATION, SEEDED_USERS } from 'clerk-sandbox';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

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

/** Counts without an end, one a tick of 50 ms; ends with the connection. */
async function* ticks(): AsyncGenerator<{ ticks: number }> {
  for (let count = 1; ; count += 1) {
    yield { ticks: count };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

@Resolver()
@UseGuards(ClerkAuthGuard)
class WhoResolver {
  @Query(() => String)
  who(@CurrentAuth() auth: Auth): string {
    return auth.tokenType === 'session_token' ? auth.userId : auth.subject;
  }

  @Query(() => String, { nullable: true })
  user(@CurrentUser() user: MirroredUser): string | null {
    return user.firstName;
  }

  @Query(() => String)
  @OptionalAuth(true)
  maybe(@CurrentAuth() auth: Auth | null): string {
    return auth === null ? 'nobody' : 'somebody';
  }

  @Query(() => String)
  @Public(true)
  open(): string {
    return 'open';
  }

  @Mutation(() => String)
  @RequireRole('org:admin')
  admin(): string {
    return 'admin';
  }

  @Query(() => String)
  @RequireOrganization({ param: 'organization' })
  tenant(@Args('organization') organization: string): string {
    return organization;
  }

  @Query(() => String)
  throws(): string {
    throw new ClerkError('CLERK_RATE_LIMITED', 'Not now.', { retryAfterSeconds: 7 });
  }

  @Subscription(() => Number)
  ticks(): AsyncGenerator<{ ticks: number }> {
    return ticks();
  }

  @Subscription(() => Number, { resolve: ({ ticks }: { ticks: number }) => ticks })
  @RequireRole('org:admin')
  adminTicks(): AsyncGenerator<{ ticks: number }> {
    return ticks();
  }
}

@ObjectType()
class Paper {
  @Field(() => String)
  title = 'open';
}

@Resolver(() => Paper)
@UseGuards(ClerkAuthGuard)
class PaperResolver {
  @Query(() => Paper)
  @Public(true)
  paper(): Paper {
    return new Paper();
  }

  @ResolveField(() => String)
  @RequireRole('org:admin')
  secret(): string {
    return 'secret';
  }
}

interface GraphqlAnswer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: { readonly message: string; readonly extensions: Record<string, unknown> }[];
}

const adapters = { fastify: () => new FastifyAdapter(), express: () => new ExpressAdapter() };

describe.each(['fastify', 'express'] as const)('GraphQL on %s', (adapter) => {
  let sandbox: ClerkSandbox;
  let app: INestApplication;
  let url: string;
  const clients: Client[] = [];

  beforeAll(async () => {
    sandbox = await ClerkSandbox.start();
    const { secretKey, publishableKey, url: apiUrl } = sandbox;
    @Module({
      imports: [
        ClerkModule.register({ secretKey, publishableKey, apiUrl, webhookPath: null }),
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          autoSchemaFile: true,
          subscriptions: { 'graphql-ws': true },
        }),
      ],
      providers: [WhoResolver],
    })
    class AppModule {}
    app = await NestFactory.create(AppModule, adapters[adapter](), { logger: false });
    await app.listen(0, '127.0.0.1');
    url = `${await app.getUrl()}/graphql`;
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
  });

  afterAll(async () => {
    await app.close();
    await sandbox.stop();
  });

  async function ask(query: string, token?: string): Promise<GraphqlAnswer & { status: number }> {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, ...((await response.json()) as GraphqlAnswer) };
  }

  /** The first answer to a subscription, or why there is none; and how the connection ended. */
  function subscribe(query: string, token?: string) {
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      const client = createClient({
        url: url.replace('http', 'ws'),
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: token === undefined ? {} : { authorization: `Bearer ${token}` },
        on: {
          closed: (event) => {
            const { code, reason } = event as { code: number; reason: string };
            resolve({ code, reason });
          },
        },
      });
      clients.push(client);
    });
    const first = new Promise<unknown>((resolve) => {
      clients.at(-1)?.subscribe({ query }, { next: resolve, error: resolve, complete: () => undefined });
    });
    return { first, closed };
  }

  it('answers queries of whoever the header proves', async () => {
    const { token } = sandbox.signIn(free.id);
    expect(await ask('{ who user maybe }', token)).toEqual({
      status: 200,
      data: { who: free.id, user: 'Fiona', maybe: 'somebody' },
    });
  });

  it('refuses as GraphQL clients expect it, with what HTTP would have said', async () => {
    const { errors } = await ask('{ who }');
    expect(errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', problem: { status: 401, code: 'TOKEN_MISSING' } } },
    ]);
    const forged = await ask('{ who }', 'x.y.z');
    expect(forged.errors?.[0]?.extensions).toMatchObject({ problem: { code: 'TOKEN_MALFORMED' } });
    const denied = await ask('mutation { admin }', sandbox.signIn(free.id).token);
    expect(denied.errors?.[0]?.extensions).toMatchObject({
      code: 'FORBIDDEN',
      problem: { code: 'NOT_ALLOWED' },
    });
  });

  it('lets nobody through where that is allowed, and everybody where it is public', async () => {
    expect(await ask('{ maybe open }')).toEqual({ status: 200, data: { maybe: 'nobody', open: 'open' } });
  });

  it('demands of each resolver what it demands', async () => {
    const { token } = sandbox.signIn(enterprise.id, { organizationId: SEEDED_ORGANIZATION.id });
    expect((await ask('mutation { admin }', token)).data).toEqual({ admin: 'admin' });
    const ours = `{ tenant(organization: "${SEEDED_ORGANIZATION.id}") }`;
    expect((await ask(ours, token)).data).toEqual({ tenant: SEEDED_ORGANIZATION.id });
    const others = await ask('{ tenant(organization: "org_another") }', token);
    expect(others.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('says when to try again', async () => {
    const { errors } = await ask('{ throws }', sandbox.signIn(free.id).token);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 7 });
  });

  it('starts subscriptions of whoever the connection proves', async () => {
    const { token } = sandbox.signIn(free.id);
    expect(await subscribe('subscription { ticks }', token).first).toEqual({ data: { ticks: 1 } });
  });

  it('starts none for nobody, nor without the role', async () => {
    expect(JSON.stringify(await subscribe('subscription { ticks }').first)).toContain('TOKEN_MISSING');
    const { token } = sandbox.signIn(free.id);
    expect(JSON.stringify(await subscribe('subscription { adminTicks }', token).first)).toContain(
      'NOT_ALLOWED',
    );
  });

  it('ends the connection with the token: 4403, after which clients connect anew with the next one', async () => {
    const { token } = sandbox.signIn(free.id, { expiresInSeconds: 1 });
    const { first, closed } = subscribe('subscription { ticks }', token);
    expect(await first).toEqual({ data: { ticks: 1 } });
    expect(await closed).toEqual({ code: 4403, reason: 'TOKEN_EXPIRED' });
  });
});

describe('fields that demand something', () => {
  let sandbox: ClerkSandbox;

  beforeAll(async () => {
    sandbox = await ClerkSandbox.start();
  });

  afterAll(() => sandbox.stop());

  function start(options: Partial<ApolloDriverConfig>): Promise<INestApplication> {
    const { secretKey, publishableKey, url: apiUrl } = sandbox;
    @Module({
      imports: [
        ClerkModule.register({ secretKey, publishableKey, apiUrl, webhookPath: null }),
        GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true, ...options }),
      ],
      providers: [PaperResolver],
    })
    class AppModule {}
    return NestFactory.create(AppModule, new FastifyAdapter(), { logger: false, abortOnError: false });
  }

  it('stop the boot where Nest would run no guard for them', async () => {
    const app = await start({});
    await expect(app.listen(0, '127.0.0.1')).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/PaperResolver\.secret .*fieldResolverEnhancers/),
    });
    await app.close();
  });

  it('are guarded where it does', async () => {
    const app = await start({ fieldResolverEnhancers: ['guards'] });
    await app.listen(0, '127.0.0.1');
    const ask = async (query: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${await app.getUrl()}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query }),
      });
      return (await response.json()) as GraphqlAnswer;
    };
    expect((await ask('{ paper { title } }')).data).toEqual({ paper: { title: 'open' } });
    const refused = await ask('{ paper { secret } }');
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    const { token } = sandbox.signIn(enterprise.id, { organizationId: SEEDED_ORGANIZATION.id });
    const answered = await ask('{ paper { secret } }', { authorization: `Bearer ${token}` });
    expect(answered.data).toEqual({ paper: { secret: 'secret' } });
    await app.close();
  });
});
