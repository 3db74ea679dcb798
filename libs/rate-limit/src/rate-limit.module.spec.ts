import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  type INestApplication,
  Logger,
  Module,
  Param,
  type Type,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { defer, of } from 'rxjs';
import { parseList } from 'structured-headers';

import {
  countFailuresOf,
  RateLimit,
  RateLimitMetrics,
  type RateLimitIdentity,
  RateLimitModule,
  type RateLimitModuleOptions,
  SkipRateLimit,
  TierRateLimitGuard,
  TierRateLimitInterceptor,
} from './index.js';
import * as library from './index.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const tiers = {
  ANONYMOUS: { windows: [{ name: 'minute', limit: 3, durationMs: MINUTE_MS }] },
  FREE: {
    windows: [
      { name: 'minute', limit: 10, durationMs: MINUTE_MS },
      { name: 'hour', limit: 1_000, durationMs: HOUR_MS },
    ],
  },
  PRO: { windows: [{ name: 'minute', limit: 100, durationMs: MINUTE_MS }] },
};

/** By the headers `who` and `tier`: what a guard before this one would have proved. */
function identify(context: ExecutionContext): RateLimitIdentity | null {
  const { who, tier = 'FREE' } = context
    .switchToHttp()
    .getRequest<{ headers: Record<string, string> }>().headers;
  return who === undefined ? null : { principal: who, tier };
}

const options: RateLimitModuleOptions = { tiers, anonymousTier: 'ANONYMOUS', fallbackTier: 'FREE', identify };
const adapters = { fastify: () => new FastifyAdapter(), express: () => new ExpressAdapter() };

class Routes {
  @Get()
  plain() {
    return { ok: true };
  }

  @Get('dear')
  @RateLimit({ cost: 4 })
  dear() {
    return { ok: true };
  }

  @Get('free')
  @SkipRateLimit()
  free() {
    return { ok: true };
  }

  @Get('by-path')
  byPath() {
    return { ok: true };
  }
}

@Controller('guarded')
@UseGuards(TierRateLimitGuard)
class GuardedController extends Routes {}

@Controller('intercepted')
@UseInterceptors(TierRateLimitInterceptor)
class InterceptedController extends Routes {}

@Controller('heirs')
@UseGuards(TierRateLimitGuard)
@RateLimit({ cost: 3 })
class HeirsController extends Routes {}

@Controller('skipped')
@UseGuards(TierRateLimitGuard)
@SkipRateLimit()
class SkippedController {
  @Get()
  skipped() {
    return { ok: true };
  }

  @Get('counted')
  @SkipRateLimit(false)
  counted() {
    return { ok: true };
  }
}

/** 401 without the header `who`, 403 for one of the name `outcast`, synchronously, as a promise or as an observable. */
class HeaderGuard implements CanActivate {
  static asked = 0;
  /** Opened by a test: what has come until then is looked at together. */
  static gate: Promise<void> = Promise.resolve();

  canActivate(context: ExecutionContext) {
    HeaderGuard.asked += 1;
    const { headers, params } = context.switchToHttp().getRequest();
    if (params.how === 'later') return HeaderGuard.gate.then(() => this.admit(headers.who));
    return params.how === 'observed' ? defer(() => of(this.admit(headers.who))) : this.admit(headers.who);
  }

  private admit(who: string | undefined): boolean {
    if (who === undefined) throw new UnauthorizedException();
    if (who === 'outcast') throw new ForbiddenException();
    return who !== 'nobody';
  }
}

@Controller('proved')
@UseGuards(countFailuresOf(HeaderGuard))
class ProvedController {
  @Get('skipped')
  @SkipRateLimit()
  skipped() {
    return { ok: true };
  }

  @Get(':how')
  proved(@Param('how') how: string) {
    return { how };
  }
}

const running: INestApplication[] = [];
/** Stands still unless it is moved. */
let nowMs: number;

beforeEach(() => {
  nowMs = 1_000_000;
  import.meta.jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  Logger.overrideLogger(false);
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  import.meta.jest.restoreAllMocks();
});

async function listen(root: Type, adapter: keyof typeof adapters = 'fastify'): Promise<string> {
  const app = await NestFactory.create(root, adapters[adapter](), { logger: false, abortOnError: false });
  running.push(app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

async function start(changes: Partial<RateLimitModuleOptions> = {}, adapter?: keyof typeof adapters) {
  @Module({
    imports: [RateLimitModule.register({ ...options, ...changes })],
    controllers: [
      GuardedController,
      InterceptedController,
      HeirsController,
      SkippedController,
      ProvedController,
    ],
  })
  class AppModule {}
  const url = await listen(AppModule, adapter);
  return (path: string, headers: Record<string, string> = {}) => get(`${url}${path}`, headers);
}

async function get(url: string, headers: Record<string, string>) {
  const response = await fetch(url, { headers });
  const { status } = response;
  return { status, headers: limitHeaders(response.headers), body: JSON.parse(await response.text()) };
}

function limitHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => /ratelimit|retry-after|content-type/.test(name)));
}

async function spend(count: number, ask: () => Promise<{ status: number }>): Promise<number[]> {
  const statuses: number[] = [];
  for (let sent = 0; sent < count; sent += 1) statuses.push((await ask()).status);
  return statuses;
}

const FREE_POLICY = '"minute";q=10;w=60, "hour";q=1000;w=3600';
const QUOTA_EXCEEDED = {
  type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  title: 'Request cannot be satisfied as assigned quota has been exceeded',
  status: 429,
  code: 'RATE_LIMITED',
  detail: 'Too many requests. Try again after the time that Retry-After says.',
  'violated-policies': ['minute'],
};

describe.each(['fastify', 'express'] as const)('on %s', (adapter) => {
  it.each(['/guarded', '/intercepted'])(
    '%s tells of every window, to the unit and the second',
    async (path) => {
      const ask = await start({}, adapter);
      const first = await ask(path, { who: 'ada' });
      expect(first).toEqual({
        status: 200,
        headers: {
          'content-type': expect.stringMatching(/^application\/json/),
          'ratelimit-policy': FREE_POLICY,
          ratelimit: '"minute";r=9;t=60, "hour";r=999;t=3600',
        },
        body: { ok: true },
      });
      nowMs += 20_500;
      expect(await spend(9, () => ask(path, { who: 'ada' }))).toEqual(Array(9).fill(200));
      expect(await ask(path, { who: 'ada' })).toEqual({
        status: 429,
        headers: {
          'content-type': 'application/problem+json; charset=utf-8',
          'ratelimit-policy': FREE_POLICY,
          ratelimit: '"minute";r=0;t=40, "hour";r=990;t=3580',
          'retry-after': '40',
        },
        body: QUOTA_EXCEEDED,
      });
      expect((await ask(path, { who: 'bob' })).status).toBe(200);
      nowMs += 39_500;
      expect((await ask(path, { who: 'ada' })).status).toBe(200);
      expect((await ask(path, { who: 'ada' })).status).toBe(429);
    },
  );

  it('tells of the same in fields that an independent parser reads', async () => {
    const ask = await start({}, adapter);
    const { headers } = await ask('/guarded', { who: 'ada' });
    const read = (field: string | undefined) =>
      parseList(field ?? '').map(([name, parameters]) => [name, Object.fromEntries(parameters)]);
    expect(read(headers['ratelimit-policy'])).toEqual([
      ['minute', { q: 10, w: 60 }],
      ['hour', { q: 1_000, w: 3_600 }],
    ]);
    expect(read(headers['ratelimit'])).toEqual([
      ['minute', { r: 9, t: 60 }],
      ['hour', { r: 999, t: 3_600 }],
    ]);
  });
});

describe('a route', () => {
  it('spends what it costs, and waits until all of it fits', async () => {
    const ask = await start();
    expect(await spend(2, () => ask('/guarded/dear', { who: 'ada' }))).toEqual([200, 200]);
    nowMs += 30_000;
    const refused = await ask('/guarded/dear', { who: 'ada' });
    expect([refused.status, refused.headers['ratelimit'], refused.headers['retry-after']]).toEqual([
      429,
      '"minute";r=2;t=30, "hour";r=992;t=3570',
      '30',
    ]);
    expect((await ask('/guarded', { who: 'ada' })).headers['ratelimit']).toMatch(/^"minute";r=1;/);
  });

  it('costs what its own controller says, though another one inherits the same handler', async () => {
    const ask = await start();
    const left = [];
    for (const path of ['/guarded', '/heirs', '/heirs/dear']) {
      const { headers } = await ask(path, { who: 'ada' });
      left.push(headers['ratelimit']?.split(';')[1]);
    }
    expect(left).toEqual(['r=9', 'r=6', 'r=2']);
  });

  it.each([0, -1, 1.5, Number.NaN])('cannot cost %d', (cost) => {
    expect(() => RateLimit({ cost })).toThrow(expect.objectContaining({ code: 'COST_INVALID' }));
  });

  it('is not counted where it is skipped, by decorator or by `skip`; a handler takes back what its controller says', async () => {
    const ask = await start({
      skip: (context) => context.switchToHttp().getRequest().url === '/guarded/by-path',
    });
    for (const path of ['/guarded/free', '/guarded/by-path', '/skipped']) {
      const { status, headers } = await ask(path, { who: 'ada' });
      expect([status, Object.keys(headers)]).toEqual([200, ['content-type']]);
    }
    expect((await ask('/skipped/counted', { who: 'ada' })).headers['ratelimit']).toMatch(/^"minute";r=9;/);
  });
});

describe('who calls', () => {
  it('is known by his address where nobody says more, and by no header', async () => {
    const ask = await start();
    const spoofed = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
    const answers = [];
    for (const address of spoofed) answers.push(await ask('/guarded', { 'x-forwarded-for': address }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.headers['ratelimit-policy']).toBe('"minute";q=3;w=60');
  });

  it('may be a promise, of a PRO, whose budget keeps what a FREE has spent', async () => {
    const ask = await start({ identify: async (context) => identify(context) });
    await spend(10, () => ask('/guarded', { who: 'ada' }));
    expect((await ask('/guarded', { who: 'ada' })).status).toBe(429);
    const raised = await ask('/guarded', { who: 'ada', tier: 'PRO' });
    expect([raised.status, raised.headers['ratelimit']]).toEqual([200, '"minute";r=89;t=60']);
    const lowered = await ask('/guarded', { who: 'ada' });
    expect([lowered.status, lowered.headers['ratelimit']]).toEqual([
      429,
      '"minute";r=0;t=60, "hour";r=989;t=3600',
    ]);
  });

  it('is of the fallback tier where his is unknown, which is logged once for each name', async () => {
    const warn = import.meta.jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const ask = await start({ fallbackTier: 'PRO' });
    for (const tier of ['GOLD', 'GOLD', 'SILVER']) {
      const { headers } = await ask('/guarded', { who: tier, tier });
      expect(headers['ratelimit-policy']).toBe('"minute";q=100;w=60');
    }
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      'There is no tier "GOLD": PRO is taken in its place.',
      'There is no tier "SILVER": PRO is taken in its place.',
    ]);
  });

  it('may be of 10 kB, and is told apart from others who begin alike', async () => {
    const long = 'x'.repeat(10_000);
    const ask = await start({
      identify: (context) => ({ principal: long + identify(context)?.principal, tier: 'FREE' }),
    });
    expect(await spend(11, () => ask('/guarded', { who: 'a' }))).toEqual([...Array(10).fill(200), 429]);
    expect((await ask('/guarded', { who: 'b' })).status).toBe(200);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('secret of ada@example.com');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret of ada@example.com'))],
    ['gives no principal', () => ({ principal: '', tier: 'FREE' })],
  ])(
    'cannot be told when identify %s: 503, never open, logged once and without the text',
    async (_name, failing) => {
      const error = import.meta.jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      const ask = await start({ identify: failing });
      await ask('/guarded');
      expect(await ask('/guarded')).toEqual({
        status: 503,
        headers: { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '5' },
        body: expect.objectContaining({ status: 503, code: 'RATE_LIMIT_UNAVAILABLE' }),
      });
      expect(error.mock.calls.map(([text]) => text)).toEqual([
        expect.stringMatching(/^identify\(\) failed \((Type)?Error\)/),
      ]);
    },
  );

  it('is refused as identify says when that throws an HttpException', async () => {
    const ask = await start({
      identify: () => {
        throw new ForbiddenException();
      },
    });
    expect((await ask('/guarded')).status).toBe(403);
  });
});

describe('failed sign-ins', () => {
  it.each(['at-once', 'later', 'observed'])(
    'stay 401 until the address has spent its budget: then 429 before the guard looks (%s)',
    async (how) => {
      const ask = await start();
      expect(await spend(3, () => ask(`/proved/${how}`))).toEqual([401, 401, 401]);
      const { asked } = HeaderGuard;
      expect(await ask(`/proved/${how}`)).toEqual({
        status: 429,
        headers: {
          'content-type': 'application/problem+json; charset=utf-8',
          'ratelimit-policy': '"minute";q=3;w=60',
          ratelimit: '"minute";r=0;t=60',
          'retry-after': '60',
        },
        body: QUOTA_EXCEEDED,
      });
      expect((await ask(`/proved/${how}`, { who: 'ada' })).status).toBe(429);
      expect(HeaderGuard.asked).toBe(asked);
      nowMs += MINUTE_MS;
      expect((await ask(`/proved/${how}`, { who: 'ada' })).status).toBe(200);
    },
  );

  it('are not those of who is proved, whether allowed or not', async () => {
    const ask = await start();
    for (const who of ['ada', 'outcast', 'nobody']) {
      const expected = who === 'ada' ? 200 : 403;
      expect(await spend(5, () => ask('/proved/at-once', { who }))).toEqual(Array(5).fill(expected));
    }
    expect((await ask('/proved/at-once')).status).toBe(401);
  });

  it('are counted apart from what the address asks of public routes, and not where routes are skipped', async () => {
    const ask = await start();
    await spend(3, () => ask('/guarded'));
    expect((await ask('/guarded')).status).toBe(429);
    expect(await spend(5, () => ask('/proved/skipped'))).toEqual(Array(5).fill(401));
    expect(await spend(4, () => ask('/proved/later'))).toEqual([401, 401, 401, 429]);
    expect((await ask('/proved/skipped', { who: 'ada' })).status).toBe(200);
  });

  /** So many calls at once, and how many of them the guard looked at. */
  async function flood(calls: number, ask: () => Promise<{ status: number }>) {
    let open: () => void = () => undefined;
    HeaderGuard.gate = new Promise((resolve) => (open = resolve));
    const askedBefore = HeaderGuard.asked;
    let settled = 0;
    const answers = Array.from({ length: calls }, () => ask().finally(() => (settled += 1)));
    while (HeaderGuard.asked - askedBefore + settled < calls) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const looked = HeaderGuard.asked - askedBefore;
    open();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    return { looked, statuses: statuses.toSorted((one, other) => one - other) };
  }
  const withFailures = (limit: number) => ({
    tiers: { ...tiers, ANONYMOUS: { windows: [{ name: 'minute', limit, durationMs: MINUTE_MS }] } },
  });

  it.each([
    ['as many as may fail', 10, 0, 10],
    ['as many as may fail yet', 10, 3, 7],
    ['6 at least, a browser that opens all its connections', 10, 8, 6],
    ['6 at least, however few may fail', 3, 0, 6],
  ])('that arrive at once: %s are looked at (%d, %d before: %d)', async (_name, limit, before, looked) => {
    const ask = await start(withFailures(limit));
    expect(await spend(before, () => ask('/proved/later'))).toEqual(Array(before).fill(401));
    const left = limit - before;
    expect(await flood(40, () => ask('/proved/later'))).toEqual({
      looked,
      statuses: [...Array(Math.min(left, looked)).fill(401), ...Array(40 - Math.min(left, looked)).fill(429)],
    });
    const { asked } = HeaderGuard;
    expect((await ask('/proved/later')).status).toBe(left <= looked ? 429 : 401);
    expect(HeaderGuard.asked).toBe(left <= looked ? asked : asked + 1);
  });

  it('that may still happen hold nobody up for longer than they are looked at: 429 for a second', async () => {
    const ask = await start();
    let open: () => void = () => undefined;
    HeaderGuard.gate = new Promise((resolve) => (open = resolve));
    const askedBefore = HeaderGuard.asked;
    const unproved = Array.from({ length: 6 }, () => ask('/proved/later', { who: 'ada' }));
    while (HeaderGuard.asked < askedBefore + 6) await new Promise((resolve) => setImmediate(resolve));
    expect(await ask('/proved/later', { who: 'ada' })).toEqual({
      status: 429,
      headers: {
        'content-type': 'application/problem+json; charset=utf-8',
        'ratelimit-policy': '"minute";q=3;w=60',
        ratelimit: '"minute";r=0;t=1',
        'retry-after': '1',
      },
      body: QUOTA_EXCEEDED,
    });
    open();
    expect((await Promise.all(unproved)).map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect((await ask('/proved/later', { who: 'ada' })).status).toBe(200);
  });

  it('do not close what is public to their address', async () => {
    const ask = await start({
      isPublic: (context) => context.switchToHttp().getRequest().url.startsWith('/proved/at-once'),
    });
    expect(await spend(4, () => ask('/proved/later'))).toEqual([401, 401, 401, 429]);
    expect((await ask('/proved/at-once', { who: 'ada' })).status).toBe(200);
    expect((await ask('/proved/later', { who: 'ada' })).status).toBe(429);
  });

  it('that are refused without being looked at are told as decisions', async () => {
    const told: string[] = [];
    class Told extends RateLimitMetrics {
      override decided(tier: string, outcome: string): void {
        told.push(`${tier} ${outcome}`);
      }
    }
    const ask = await start({ metrics: new Told() });
    await spend(5, () => ask('/proved/at-once'));
    expect(told).toEqual([...Array(3).fill('ANONYMOUS allowed'), ...Array(2).fill('ANONYMOUS limited')]);
  });

  it('share no budget with anybody whom identify gives a name like theirs', async () => {
    const ask = await start();
    const who = 'failures:ip:127.0.0.1';
    for (const name of [who, 'ip:127.0.0.1']) {
      expect(await spend(10, () => ask('/guarded', { who: name }))).toEqual(Array(10).fill(200));
    }
    expect((await ask('/proved/at-once')).status).toBe(401);
    expect((await ask('/guarded')).status).toBe(200);
  });
});

describe('a call that the guard refuses for another reason', () => {
  it.each(['at-once', 'later', 'observed'])('spends a unit of whoever is proved (%s)', async (how) => {
    const ask = await start();
    const refused = await ask(`/proved/${how}`, { who: 'outcast' });
    expect([refused.status, refused.headers['ratelimit']]).toEqual([
      403,
      '"minute";r=9;t=60, "hour";r=999;t=3600',
    ]);
    await spend(9, () => ask(`/proved/${how}`, { who: 'outcast' }));
    const limited = await ask(`/proved/${how}`, { who: 'outcast' });
    expect([limited.status, limited.headers['retry-after']]).toEqual([429, '60']);
    expect((await ask('/guarded', { who: 'outcast' })).status).toBe(429);
    expect((await ask('/guarded', { who: 'ada' })).status).toBe(200);
  });

  it.each([
    ['is nobody', () => null],
    ['cannot be told', () => Promise.reject(new Error('secret of ada@example.com'))],
  ])('spends a unit of its address where the caller %s', async (_name, nobody) => {
    const ask = await start({ identify: nobody });
    expect(await spend(4, () => ask('/proved/at-once', { who: 'nobody' }))).toEqual([403, 403, 403, 429]);
    expect((await ask('/proved/at-once')).status).toBe(401);
  });

  it('stays refused for that reason while nobody can count, and spends nothing where it is skipped', async () => {
    const closed = { ...tiers.FREE, whenUnavailable: 'closed' as const };
    const redis = { target: ['redis://127.0.0.1:1'] };
    const ask = await start({ tiers: { ...tiers, FREE: closed }, redis });
    expect(await spend(12, () => ask('/proved/later', { who: 'outcast' }))).toEqual(Array(12).fill(403));
    expect(await spend(12, () => ask('/proved/skipped', { who: 'outcast' }))).toEqual(Array(12).fill(403));
  });
});

describe('Redis that cannot be reached', () => {
  // Nothing listens on port 1.
  const redis = { target: ['redis://127.0.0.1:1'] };
  const policy = '"minute";q=8;w=60';

  it.each([
    ['closed', [503, 503, 503], { 'retry-after': expect.stringMatching(/^[1-9]$/) }],
    ['open', [200, 200, 200], {}],
    [
      'local',
      [200, 200, 429],
      { 'ratelimit-policy': policy, ratelimit: '"minute";r=0;t=60', 'retry-after': '60' },
    ],
  ] as const)('is answered as the tier says: %s', async (whenUnavailable, statuses, headers) => {
    const windows = [{ name: 'minute', limit: 8, durationMs: MINUTE_MS }];
    const ask = await start({ tiers: { ...tiers, FREE: { windows, whenUnavailable } }, redis, instances: 4 });
    expect(await spend(2, () => ask('/guarded', { who: 'ada' }))).toEqual(statuses.slice(0, 2));
    const last = await ask('/guarded', { who: 'ada' });
    expect([last.status, last.body.code]).toEqual([
      statuses[2],
      { 503: 'RATE_LIMIT_UNAVAILABLE', 429: 'RATE_LIMITED', 200: undefined }[statuses[2]],
    ]);
    expect(last.headers).toEqual({ 'content-type': expect.any(String), ...headers });
  });

  it('turns no 401 into anything else', async () => {
    const { ANONYMOUS } = tiers;
    const ask = await start({
      tiers: { ...tiers, ANONYMOUS: { ...ANONYMOUS, whenUnavailable: 'closed' } },
      redis,
    });
    expect(await spend(5, () => ask('/proved/later'))).toEqual(Array(5).fill(401));
  });
});

describe('headers', () => {
  it('can be the ones of old, for the tightest window', async () => {
    const ask = await start({ headers: { draft: null, legacy: true } });
    const { headers } = await ask('/guarded', { who: 'ada' });
    expect(headers).toEqual({
      'content-type': expect.any(String),
      'x-ratelimit-limit': '10',
      'x-ratelimit-remaining': '9',
      'x-ratelimit-reset': '60',
    });
  });
});

describe('the module', () => {
  it('can be registered twice: each registration has tiers and budgets of its own', async () => {
    @Controller('second')
    @UseGuards(TierRateLimitGuard)
    class SecondController {
      @Get()
      plain() {
        return { ok: true };
      }
    }
    @Module({
      imports: [RateLimitModule.register({ ...options, isGlobal: false })],
      controllers: [GuardedController],
    })
    class FirstModule {}
    @Module({
      imports: [
        RateLimitModule.registerAsync({
          isGlobal: false,
          inject: ['LIMIT'],
          imports: [],
          provideInjectionTokensFrom: [{ provide: 'LIMIT', useValue: 2 }],
          useFactory: (limit: number) => ({
            ...options,
            tiers: { ONLY: { windows: [{ name: 'hour', limit, durationMs: HOUR_MS }] } },
            anonymousTier: 'ONLY',
            fallbackTier: 'ONLY',
          }),
        }),
      ],
      controllers: [SecondController],
    })
    class SecondModule {}
    @Module({ imports: [FirstModule, SecondModule] })
    class AppModule {}
    const url = await listen(AppModule);
    const ask = (path: string) => get(`${url}${path}`, { who: 'ada', tier: 'FREE' });
    expect(await spend(3, () => ask('/second'))).toEqual([200, 200, 429]);
    expect((await ask('/second')).headers['ratelimit-policy']).toBe('"hour";q=2;w=3600');
    expect((await ask('/guarded')).headers['ratelimit']).toBe('"minute";r=9;t=60, "hour";r=999;t=3600');
  });

  it('is for every module, unless it is not global', async () => {
    const listenWith = (isGlobal: boolean) => {
      @Module({ imports: [RateLimitModule.register({ ...options, isGlobal })] })
      class LimitsModule {}
      @Module({ imports: [LimitsModule], controllers: [GuardedController] })
      class AppModule {}
      return listen(AppModule);
    };
    await expect(listenWith(true)).resolves.toMatch(/^http/);
    await expect(listenWith(false)).rejects.toThrow(/RateLimitDoor/);
  });

  it.each<[string, Partial<RateLimitModuleOptions>, string, string]>([
    ['a tier without windows', { tiers: { ...tiers, FREE: { windows: [] } } }, 'TIERS_INVALID', '"FREE"'],
    ['an anonymous tier that is none', { anonymousTier: 'NOBODY' }, 'OPTIONS_INVALID', 'anonymousTier'],
    ['a fallback tier that is none', { fallbackTier: 'NOBODY' }, 'OPTIONS_INVALID', 'fallbackTier'],
    ['half an instance', { instances: 0.5 }, 'OPTIONS_INVALID', 'instances'],
    ['a Redis of another kind', { redis: { target: ['http://h'] } }, 'OPTIONS_INVALID', 'redis.target'],
    ['a tier that is none', { tiers: { ...tiers, FREE: {} as never } }, 'TIERS_INVALID', '"FREE"'],
    ['no tiers', { tiers: undefined as never }, 'TIERS_INVALID', 'no tier'],
    ['a URL', { redis: { target: 'redis://h' as never } }, 'OPTIONS_INVALID', 'redis.target'],
    ['no Redis at all', { redis: { target: [] } }, 'OPTIONS_INVALID', 'redis.target'],
  ])('stops the boot for %s, and names it', async (_name, changes, code, name) => {
    await expect(start(changes)).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
  });

  it('exports what is public, and nothing else', () => {
    expect(Object.keys(library).toSorted()).toEqual([
      'RateLimit',
      'RateLimitEngine',
      'RateLimitError',
      'RateLimitException',
      'RateLimitMetrics',
      'RateLimitModule',
      'RateLimiter',
      'SkipRateLimit',
      'TierRateLimitGuard',
      'TierRateLimitInterceptor',
      'countFailuresOf',
      'resolveTiers',
    ]);
  });
});
