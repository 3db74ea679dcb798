import {
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type INestApplication,
  Logger,
  Module,
} from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ClerkSandbox, SEEDED_MACHINE_SECRETS, SEEDED_ORGANIZATION, SEEDED_USERS } from 'clerk-sandbox';

import {
  AcceptTokens,
  type Auth,
  Authorize,
  ClerkAuthGuard,
  ClerkModule,
  CurrentAuth,
  CurrentUser,
  DenyImpersonation,
  getRequestAuth,
  type MirroredUser,
  OptionalAuth,
  Public,
  RequireFeature,
  RequireOrganization,
  RequirePermission,
  RequirePlan,
  RequireReverification,
  RequireRole,
  Scopes,
  UseClerkInstance,
} from '../index.js';
import { AuthorizationReport } from './authorization-report.js';

const OK = { ok: true };
const { free, pro, enterprise } = SEEDED_USERS;

class Shared {
  @Get('shared')
  shared() {
    return OK;
  }
}

@Controller('open')
@Public(true)
class OpenController extends Shared {
  @Get()
  open() {
    return OK;
  }

  @Get('closed')
  @Public(false)
  closed() {
    return OK;
  }
}

@Controller()
class RoutesController extends Shared {
  @Get('any')
  any() {
    return OK;
  }

  @Get('optional')
  @OptionalAuth(true)
  optional(@CurrentAuth() auth: Auth | null, @CurrentUser() user: MirroredUser | null) {
    return { tokenType: auth?.tokenType ?? null, name: user?.firstName ?? null };
  }

  @Get('optional-admin')
  @OptionalAuth(true)
  @RequireRole('org:admin')
  optionalAdmin() {
    return OK;
  }

  @Get('role')
  @RequireRole('org:admin')
  role() {
    return OK;
  }

  @Get('twice')
  @RequireRole('org:admin')
  @RequirePlan('user:pro')
  twice() {
    return OK;
  }

  @Get('permission')
  @RequirePermission('org:invoices:manage')
  permission() {
    return OK;
  }

  @Get('plan')
  @RequirePlan('pro')
  plan() {
    return OK;
  }

  @Get('feature')
  @RequireFeature('user:audit_log')
  feature() {
    return OK;
  }

  @Get('either')
  @Authorize({ any: [{ plan: 'user:pro' }, { role: 'admin' }] })
  either() {
    return OK;
  }

  @Get('not')
  @Authorize({ not: { plan: 'user:free_user' } })
  not() {
    return OK;
  }

  @Get('empty')
  @Authorize({})
  empty() {
    return OK;
  }

  @Get('system')
  @RequirePermission('org:sys_memberships:manage')
  system() {
    return OK;
  }

  @Get('fresh')
  @RequireReverification('strict')
  fresh() {
    return OK;
  }

  @Get('person')
  @DenyImpersonation()
  person() {
    return OK;
  }

  @Get('orgs/:org/things')
  @RequireOrganization({ param: 'org' })
  things() {
    return OK;
  }

  @Get('scoped')
  @AcceptTokens('session_token', 'api_key')
  @Scopes('chat:read', 'chat:write')
  scoped() {
    return OK;
  }

  @Get('machine')
  @AcceptTokens('session_token', 'm2m_token')
  machine(@CurrentAuth() auth: Auth) {
    return { tokenType: auth.tokenType, scopes: auth.tokenType === 'session_token' ? [] : auth.scopes };
  }

  @Get('only-machine')
  @AcceptTokens('m2m_token')
  @Scopes('mch_api')
  onlyMachine() {
    return OK;
  }

  @Get('admin-or-machine')
  @AcceptTokens('session_token', 'api_key')
  @RequireRole('org:admin')
  @Scopes('chat:write')
  adminOrMachine() {
    return OK;
  }

  @Get('admin-and-machine')
  @AcceptTokens('session_token', 'api_key')
  @RequireRole('org:admin')
  adminAndMachine() {
    return OK;
  }

  @Get('no-scopes')
  @AcceptTokens('api_key')
  @Scopes()
  noScopes() {
    return OK;
  }
}

@Controller('opened')
@Public(true)
class OpenedController {
  @Get('admin')
  @RequireRole('org:admin')
  admin() {
    return OK;
  }

  @Get('open')
  open() {
    return OK;
  }
}

@Controller('contradiction')
@Public(true)
@RequireRole('org:admin')
class ContradictionController {
  @Get('closed')
  closed() {
    return OK;
  }

  @Get('open')
  @Public(true)
  open() {
    return OK;
  }
}

@Controller('misnamed')
class MisnamedController {
  @Get()
  @UseClerkInstance('stafff')
  misnamed() {
    return OK;
  }
}

@Controller('admin')
@RequireRole('org:admin')
class AdminController {
  @Get('plan')
  @RequirePlan('user:enterprise')
  plan() {
    return OK;
  }
}

@Controller('sub')
@RequirePlan('user:enterprise')
class SubController extends AdminController {}

/** Whom calls were proved to come from that the guard refused. */
const refused: (Auth | null | undefined)[] = [];

/** The guard, and what whoever comes after a refusal sees. */
@Injectable()
class WatchedGuard extends ClerkAuthGuard {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    try {
      return await super.canActivate(context);
    } catch (error) {
      refused.push(getRequestAuth(context));
      throw error;
    }
  }
}

const adapters = { fastify: () => new FastifyAdapter(), express: () => new ExpressAdapter() };

describe.each(['fastify', 'express'] as const)('the guard on %s', (adapter) => {
  let sandbox: ClerkSandbox;
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    sandbox = await ClerkSandbox.start();
    const { secretKey, publishableKey, url: apiUrl } = sandbox;
    @Module({
      imports: [ClerkModule.register({ secretKey, publishableKey, apiUrl, webhookPath: null })],
      controllers: [
        OpenController,
        RoutesController,
        AdminController,
        SubController,
        OpenedController,
        ContradictionController,
        MisnamedController,
      ],
      providers: [ClerkAuthGuard, { provide: APP_GUARD, useClass: WatchedGuard }],
    })
    class AppModule {}
    app = await NestFactory.create(AppModule, adapters[adapter](), { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  afterAll(async () => {
    await app.close();
    await sandbox.stop();
  });

  async function get(path: string, token?: string) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/${path}`, { headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  const status = async (path: string, token?: string) => (await get(path, token)).status;
  const session = (userId: string, options = {}) => sandbox.signIn(userId, options).token;
  const inOrganization = { organizationId: SEEDED_ORGANIZATION.id };
  const admin = () => session(enterprise.id, inOrganization);
  const member = () => session(pro.id, inOrganization);

  it('takes a machine token in the form of a JWT where machines are let in, and calls nobody for it', async () => {
    const machine = sandbox.machine.signMachineJwt('mch_1', { scopes: ['mch_api'] });
    const other = sandbox.machine.signMachineJwt('mch_1', { scopes: ['mch_other'] });
    await status('machine', session(free.id));
    const before = [...sandbox.requestCounts.values()].reduce((sum, count) => sum + count, 0);
    expect(await get('machine', machine)).toEqual({
      status: 200,
      body: { tokenType: 'm2m_token', scopes: ['mch_api'] },
    });
    expect(await get('machine', session(free.id))).toMatchObject({
      status: 200,
      body: { tokenType: 'session_token' },
    });
    expect([await status('only-machine', machine), await status('only-machine', other)]).toEqual([200, 403]);
    expect(await get('only-machine', session(free.id))).toMatchObject({
      body: { code: 'TOKEN_TYPE_REJECTED' },
    });
    expect(await get('any', machine)).toMatchObject({ status: 401, body: { code: 'TOKEN_TYPE_REJECTED' } });
    const after = [...sandbox.requestCounts.values()].reduce((sum, count) => sum + count, 0);
    expect(after).toBe(before);
  });

  it('lets nothing through on a transport that it does not know', () => {
    const guard = app.get(ClerkAuthGuard);
    // The guard asks for the kind of a request before anything else.
    const context = { getType: () => 'carrier-pigeon' } as ExecutionContext;
    expect(() => guard.canActivate(context)).toThrow('carrier-pigeon');
  });

  it('tells who was proved, also where it refuses what he asks for', async () => {
    refused.length = 0;
    expect([await status('role', session(free.id)), await status('role')]).toEqual([403, 401]);
    expect(refused).toEqual([expect.objectContaining({ userId: free.id }), undefined]);
  });

  it('denies what no decorator opens', async () => {
    expect(await status('any')).toBe(401);
    expect(await status('any', session(free.id))).toBe(200);
  });

  it('opens what is public, and a handler wins over its controller', async () => {
    expect([await status('open'), await status('open/closed')]).toEqual([200, 401]);
  });

  it('tells two controllers apart that inherit one handler', async () => {
    expect([await status('open/shared'), await status('shared'), await status('open/shared')]).toEqual([
      200, 401, 200,
    ]);
  });

  it('lets nobody through where authentication is optional, and still refuses bad credentials', async () => {
    expect((await get('optional')).body).toEqual({ tokenType: null, name: null });
    expect((await get('optional', session(free.id))).body).toEqual({
      tokenType: 'session_token',
      name: 'Fiona',
    });
    expect(await status('optional', 'garbage')).toBe(401);
    expect(await status('optional-admin')).toBe(401);
  });

  it.each<[string, () => string, () => string]>([
    ['role', admin, member],
    ['permission', admin, member],
    ['plan', member, admin],
    ['feature', admin, member],
    ['either', admin, () => session(free.id)],
    ['not', member, () => session(free.id)],
    ['admin/plan', admin, member],
    ['sub/plan', admin, member],
    ['person', admin, () => session(free.id, { claims: { act: { sub: 'user_support' } } })],
    [`orgs/${SEEDED_ORGANIZATION.id}/things`, member, () => session(pro.id)],
    [`orgs/${SEEDED_ORGANIZATION.slug}/things`, member, () => session(pro.id)],
  ])('%s: lets in who meets the demand, and answers 403 to who does not', async (path, good, bad) => {
    expect(await status(path, good())).toBe(200);
    const refused = await get(path, bad());
    expect([refused.status, refused.body['code']]).toEqual([403, 'NOT_ALLOWED']);
    expect(await status(path)).toBe(401);
  });

  it('keeps what demands something closed, whatever opens it, but for a handler that says so itself', async () => {
    expect([await status('opened/open'), await status('opened/admin')]).toEqual([200, 401]);
    expect(await status('opened/admin', session(free.id))).toBe(403);
    expect(await status('opened/admin', admin())).toBe(200);
    expect([await status('contradiction/closed'), await status('contradiction/open')]).toEqual([401, 200]);
  });

  it('lets nobody in where a route names an instance that is not there', async () => {
    expect(await get('misnamed', admin())).toMatchObject({ status: 503, body: { code: 'OPTIONS_INVALID' } });
  });

  it('adds demands up: two on a handler, and those of the controller', async () => {
    expect([await status('twice', admin()), await status('twice', member())]).toEqual([403, 403]);
    const both = session(pro.id, { claims: { o: { id: 'org_1', slg: 'x', rol: 'admin' } } });
    expect(await status('twice', both)).toBe(200);
    expect(await status('admin/plan', both)).toBe(403);
    // The plan of the handler, and not the role of the controller.
    expect(await status('admin/plan', session(enterprise.id))).toBe(403);
  });

  it('keeps another organisation out, whatever the path says', async () => {
    expect(await status('orgs/org_other/things', admin())).toBe(403);
    expect(await status('orgs/null/things', session(free.id))).toBe(403);
  });

  it('denies everybody where a requirement is empty or can never hold, and says so at boot', async () => {
    for (const path of ['empty', 'system']) expect(await status(path, admin())).toBe(403);
    const problems = app.get(AuthorizationReport, { strict: false }).problems();
    expect(problems).toEqual([
      expect.stringMatching(/^RoutesController\.optionalAdmin: @OptionalAuth\(true\) stands beside a demand/),
      expect.stringMatching(/^RoutesController\.empty: @Authorize\(\) is empty/),
      expect.stringMatching(/^RoutesController\.system: .*org:sys_/),
      expect.stringMatching(/^RoutesController\.noScopes: @Scopes\(\) names no scope/),
      expect.stringMatching(/^OpenedController\.admin: @Public\(true\) stands beside a demand/),
      expect.stringMatching(/^ContradictionController\.closed: @Public\(true\) stands beside a demand/),
      expect.stringMatching(/^MisnamedController\.misnamed: @UseClerkInstance\(\) names stafff/),
    ]);
  });

  it('asks for a fresh proof in the way that the front end of Clerk understands', async () => {
    expect(await status('fresh', session(free.id))).toBe(200);
    const stale = await get('fresh', session(free.id, { claims: { fva: [11, -1] } }));
    expect(stale.status).toBe(403);
    expect(stale.body).toMatchObject({
      code: 'REVERIFICATION_REQUIRED',
      clerk_error: {
        type: 'forbidden',
        reason: 'reverification-error',
        metadata: { reverification: 'strict' },
      },
    });
  });

  it('asks machines for scopes, and never takes them for a session with a role', async () => {
    const key = (...scopes: string[]) =>
      sandbox.machine.create('api_key', { subject: free.id, scopes }).secret;
    expect(await status('scoped', key('chat:read', 'chat:write', 'more'))).toBe(200);
    expect(await status('scoped', key('chat:read'))).toBe(403);
    expect(await status('scoped', session(free.id))).toBe(200);
    expect(await status('admin-or-machine', key('chat:write'))).toBe(200);
    expect(await status('admin-or-machine', session(free.id))).toBe(403);
    expect(await status('admin-and-machine', key('chat:write'))).toBe(403);
    expect(await status('no-scopes', key('chat:write'))).toBe(403);
    expect(await status('any', SEEDED_MACHINE_SECRETS.apiKey)).toBe(401);
  });
});
