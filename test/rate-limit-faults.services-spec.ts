import { createHook } from 'node:async_hooks';
import { setTimeout as passMs } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import type { Decision } from '../libs/rate-limit/src/limiter/decision.js';
import { RateLimitEngine } from '../libs/rate-limit/src/limiter/rate-limit-engine.js';
import { type BreakerState, RateLimitMetrics } from '../libs/rate-limit/src/rate-limit-metrics.js';
import { resolveTiers } from '../libs/rate-limit/src/tiers/resolve-tiers.js';
import type { WhenUnavailable } from '../libs/rate-limit/src/tiers/tier.js';
import { hasRedisServer, RedisServer } from './support/redis-server.js';
import { TcpProxy } from './support/tcp-proxy.js';

/** Less than the 2 s after which a silent connection is given up, for which whoever hangs would wait; by default the limiter waits 50 ms. */
const HUNG_MS = 1_800;
/** Of tests about something else than patience: longer than a busy machine takes for an answer. */
const PATIENT_MS = 500;
const POLICIES: readonly WhenUnavailable[] = ['open', 'closed', 'local'];
const windows = [{ name: 'minute', limit: 10, durationMs: 60_000 }];
const [OPEN, CLOSED, LOCAL, LEASED, OTHER] = resolveTiers({
  OPEN: { windows, whenUnavailable: 'open' },
  CLOSED: { windows, whenUnavailable: 'closed' },
  LOCAL: { windows, whenUnavailable: 'local' },
  LEASED: { windows: [{ name: 'minute', limit: 1_000, durationMs: 60_000 }], whenUnavailable: 'closed' },
});

if (
  OPEN === undefined ||
  CLOSED === undefined ||
  LOCAL === undefined ||
  LEASED === undefined ||
  OTHER !== undefined
)
  throw new Error('There are four tiers.');
const tiers = { open: OPEN, closed: CLOSED, local: LOCAL, leased: LEASED };
/** Of tiers that many clients want at once, units a minute: no test takes that long, so that all it counts is of one stretch. */
const WANTED_LIMIT = 200;
const wantedTiers = new Map(
  resolveTiers({
    ...Object.fromEntries(
      POLICIES.map((whenUnavailable) => [
        whenUnavailable,
        { windows: [{ name: 'minute', limit: WANTED_LIMIT, durationMs: 60_000 }], whenUnavailable },
      ]),
    ),
    leased: {
      windows: [{ name: 'minute', limit: 5 * WANTED_LIMIT, durationMs: 60_000 }],
      whenUnavailable: 'closed',
    },
  }).map((tier) => [tier.name, tier]),
);

const CELL_MS = 3_000;

const closing: (() => unknown)[] = [];

beforeAll(() => Logger.overrideLogger(false));

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Lets a test wait for the breaker in place of time. */
class Watched extends RateLimitMetrics {
  readonly states: BreakerState[] = [];
  #waiting: { state: BreakerState; resolve: () => void }[] = [];

  override breakerChanged(state: BreakerState): void {
    this.states.push(state);
    for (const { resolve } of this.#waiting.filter((one) => one.state === state)) resolve();
    this.#waiting = this.#waiting.filter((one) => one.state !== state);
  }

  until(state: BreakerState): Promise<void> {
    if (this.states.at(-1) === state) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ state, resolve }));
  }
}

async function startServer(primaryPort?: number): Promise<RedisServer> {
  const server = await RedisServer.start(primaryPort);
  closing.push(() => {
    server.resume();
    return server.kill();
  });
  return server;
}

async function startEngine(port: number, answerMsMax?: number) {
  const metrics = new Watched();
  const engine = new RateLimitEngine({
    redis: { target: [`redis://127.0.0.1:${port}`], answerMsMax },
    instances: 2,
    metrics,
  });
  closing.push(() => engine.close());
  await engine.start();
  const decide = (policy: keyof typeof tiers, principal = 'user:1') =>
    engine.decide({ principal, tier: tiers[policy], cost: 1 });
  return { engine, metrics, decide };
}

type Engine = Awaited<ReturnType<typeof startEngine>>;

/** Until its replica has all that was written. */
async function untilReplicated(primary: RedisServer): Promise<void> {
  const confirmed = await primary.ask(async (redis) => {
    await redis.set('written', 1);
    return redis.wait(1, 20_000);
  });
  expect(confirmed).toBe(1);
}

/** At the end of a cell, a twentieth of the minute on Redis's clock, which is this machine's, nothing is leased. */
async function untilCellIsYoung(): Promise<void> {
  const ageMs = Date.now() % CELL_MS;
  if (ageMs > CELL_MS / 2) await passMs(CELL_MS - ageMs + 1);
}

/** Until somebody has tried to write to it. */
async function untilProbed(server: RedisServer): Promise<void> {
  const probes = () =>
    server.ask(async (redis) => /cmdstat_set:.*/.exec(await redis.info('commandstats'))?.[0]);
  for (const before = await probes(); (await probes()) === before;) await passMs(20);
}

/** What the first request of a principal gets that Redis cannot decide. */
function expectPolicy(policy: WhenUnavailable, decision: Decision): void {
  if (policy === 'local') {
    expect(decision).toMatchObject({ outcome: 'allowed', budgets: [{ limit: 5, remaining: 4 }] });
  } else {
    expect(decision).toEqual({ outcome: 'unavailable', retryAfterMs: expect.any(Number) });
  }
}

/** Clients that never stop asking, and what they were told. */
function startLoad({ decide }: Engine) {
  const told: { policy: WhenUnavailable; outcome: Decision['outcome']; tookMs: number }[] = [];
  const end = new AbortController();
  const client = async (policy: WhenUnavailable, index: number) => {
    for (let sent = 0; !end.signal.aborted; sent += 1) {
      const startedAt = performance.now();
      // Few requests of each principal, so that none meets its limit.
      const { outcome } = await decide(policy, `user:${policy}:${index}:${Math.floor(sent / 3)}`);
      told.push({ policy, outcome, tookMs: performance.now() - startedAt });
      await passMs(2);
    }
  };
  const clients = POLICIES.flatMap((policy) =>
    Array.from({ length: 16 }, (_none, index) => client(policy, index)),
  );
  const finish = async () => {
    end.abort();
    await Promise.all(clients);
    return told;
  };
  /** Waits until so many more requests were answered. */
  const go = async (requests: number) => {
    const goal = told.length + requests;
    while (told.length < goal) await passMs(5);
  };
  return { go, finish };
}

interface Told {
  /** Index. */
  readonly engine: number;
  readonly tierName: string;
  readonly decision: Decision;
  /** Of `performance.now`, milliseconds. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
}

/** Clients of several engines that all want the units of the same few principals, one for each tier. */
function startContest(engines: readonly Engine[]) {
  const told: Told[] = [];
  const end = new AbortController();
  const client = async (engine: number, tierName: string) => {
    const tier = wantedTiers.get(tierName);
    if (tier === undefined) throw new Error(`There is no tier ${tierName}.`);
    while (!end.signal.aborted) {
      const askedAtMs = performance.now();
      const decision = await engines[engine]?.engine.decide({ principal: `user:${tierName}`, tier, cost: 1 });
      if (decision === undefined) return;
      told.push({ engine, tierName, decision, askedAtMs, answeredAtMs: performance.now() });
      await passMs(2);
    }
  };
  const clients = [...engines.keys()].flatMap((engine) =>
    [...wantedTiers.keys()].flatMap((name) => Array.from({ length: 6 }, () => client(engine, name))),
  );
  const until = async (holds: (told: readonly Told[]) => boolean) => {
    while (!holds(told)) await passMs(5);
  };
  const finish = async () => {
    end.abort();
    await Promise.all(clients);
    return told;
  };
  return { told, until, finish };
}

/** By tier: those of whom something holds. */
function countByTier(told: readonly Told[], holds: (one: Told) => boolean): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries([...wantedTiers.keys()].map((name) => [name, 0]));
  for (const one of told.filter(holds)) counts[one.tierName] = (counts[one.tierName] ?? 0) + 1;
  return counts;
}

/** Whose limit was told: the whole one by Redis, or from a lease; a part of it by a process alone. */
function limitToldIn({ decision }: Told): number | null {
  return decision.outcome === 'unavailable' ? null : (decision.budgets[0]?.limit ?? null);
}

function isAdmitted({ decision }: Told): boolean {
  return decision.outcome === 'allowed';
}

function slowestMsOf(told: readonly Told[]): number {
  return Math.max(...told.map(({ askedAtMs, answeredAtMs }) => answeredAtMs - askedAtMs));
}

const describeWithServer = hasRedisServer ? describe : describe.skip;

describeWithServer('while Redis cannot be reached', () => {
  it.each(POLICIES)('a boot goes on within 2 seconds, and requests get %s at once', async (policy) => {
    const server = await startServer();
    await server.kill();
    const startedAt = performance.now();
    const { engine, decide } = await startEngine(server.port);
    expect(performance.now() - startedAt).toBeLessThan(2_000 + HUNG_MS);
    expect(engine.isReady).toBe(false);
    const decision = decide(policy);
    expect(decision).not.toBeInstanceOf(Promise);
    expectPolicy(policy, await decision);
  });

  it('it decides as soon as it is there', async () => {
    const server = await startServer();
    await server.kill();
    const { engine, metrics, decide } = await startEngine(server.port, PATIENT_MS);
    await server.start();
    await metrics.until('closed');
    expect(engine.isReady).toBe(true);
    expect(await decide('closed')).toMatchObject({
      outcome: 'allowed',
      budgets: [{ limit: 10, remaining: 9 }],
    });
  });

  it('each process lets through its part of the limit, and not one more', async () => {
    const server = await startServer();
    await server.kill();
    const { decide } = await startEngine(server.port);
    const outcomes = await Promise.all(
      Array.from({ length: 7 }, async () => (await decide('local')).outcome),
    );
    expect(outcomes).toEqual([...Array<string>(5).fill('allowed'), 'limited', 'limited']);
  });
});

describeWithServer('when Redis hangs', () => {
  it.each(POLICIES)(
    'the first request waits for it briefly and gets %s, the next does not wait at all',
    async (policy) => {
      const server = await startServer();
      const { decide, engine } = await startEngine(server.port);
      server.pause();
      const startedAt = performance.now();
      const first = await decide(policy);
      const firstMs = performance.now() - startedAt;
      expectPolicy(policy, first);
      expect(firstMs).toBeGreaterThan(45);
      expect(firstMs).toBeLessThan(HUNG_MS);
      expect(engine.isReady).toBe(false);
      const next = decide(policy, 'user:2');
      expect(next).not.toBeInstanceOf(Promise);
      expectPolicy(policy, await next);
    },
  );

  it('no request is used to find out whether it is back', async () => {
    const server = await startServer();
    const { decide, metrics } = await startEngine(server.port, PATIENT_MS);
    server.pause();
    await decide('closed');
    for (let probes = 0; probes < 100; probes += 1) {
      expect(decide('closed')).not.toBeInstanceOf(Promise);
      // Long enough in all for a probe to fail.
      await passMs(12);
    }
    server.resume();
    await metrics.until('closed');
    expect(await decide('closed')).toMatchObject({ outcome: 'allowed' });
  });

  it('it decides on from what was spent once it goes on', async () => {
    const server = await startServer();
    const { decide, metrics } = await startEngine(server.port, PATIENT_MS);
    for (let sent = 0; sent < 10; sent += 1) await decide('closed');
    server.pause();
    await decide('closed', 'user:2');
    server.resume();
    await metrics.until('closed');
    expect((await decide('closed')).outcome).toBe('limited');
  });

  it('many requests of one leased tier at once all end', async () => {
    const server = await startServer();
    const { decide } = await startEngine(server.port);
    server.pause();
    const decisions = await Promise.all(Array.from({ length: 100 }, () => decide('leased')));
    expect(new Set(decisions.map(({ outcome }) => outcome))).toEqual(new Set(['unavailable']));
  });

  it('a process that was busy itself does not take it for hung', async () => {
    const server = await startServer();
    const { decide, engine } = await startEngine(server.port, PATIENT_MS);
    await decide('closed');
    const asked = decide('closed');
    // Neither is it sent, nor could an answer be read.
    const untilMs = performance.now() + 2 * PATIENT_MS;
    while (performance.now() < untilMs);
    expect((await asked).outcome).toBe('allowed');
    expect(engine.isReady).toBe(true);
  });
});

describeWithServer('when Redis is lost', () => {
  it.each(POLICIES)('requests get %s at once, without one that has to find out', async (policy) => {
    const server = await startServer();
    const { decide, metrics } = await startEngine(server.port, PATIENT_MS);
    await decide(policy);
    await server.kill();
    await metrics.until('open');
    const decision = decide(policy, 'user:2');
    expect(decision).not.toBeInstanceOf(Promise);
    expectPolicy(policy, await decision);
  });

  it('and comes back empty, what was spent is forgotten', async () => {
    const server = await startServer();
    const { decide, metrics } = await startEngine(server.port, PATIENT_MS);
    await decide('closed');
    await server.kill();
    await metrics.until('open');
    await server.start();
    await metrics.until('closed');
    expect(await decide('closed')).toMatchObject({ outcome: 'allowed', budgets: [{ remaining: 9 }] });
  });

  it('a replica does not decide until it is promoted, and then goes on from what was spent', async () => {
    const primary = await startServer();
    const replica = await startServer(primary.port);
    const proxy = await TcpProxy.to(primary.port);
    closing.push(() => proxy.close());
    const { decide, metrics, engine } = await startEngine(proxy.port, PATIENT_MS);
    for (let sent = 0; sent < 10; sent += 1) await decide('closed', 'user:spent');
    await untilReplicated(primary);
    proxy.leadTo(replica.port);
    await primary.kill();
    await metrics.until('open');
    await untilProbed(replica);
    expect(metrics.states).toEqual(['open', 'closed', 'open']);
    expect(decide('closed')).toMatchObject({ outcome: 'unavailable' });
    expect(engine.isReady).toBe(false);
    await replica.ask((redis) => redis.replicaof('NO', 'ONE'));
    await metrics.until('closed');
    expect((await decide('closed', 'user:spent')).outcome).toBe('limited');
  });
});

describeWithServer('under load', () => {
  it.each([
    ['SCRIPT FLUSH', (server: RedisServer) => server.ask((redis) => redis.script('FLUSH'))],
    ['FLUSHALL', (server: RedisServer) => server.ask((redis) => redis.flushall())],
  ])('%s costs nobody an answer', async (_what, strike) => {
    const server = await startServer();
    const engine = await startEngine(server.port, 5_000);
    const load = startLoad(engine);
    await load.go(300);
    await strike(server);
    await load.go(300);
    const told = await load.finish();
    expect(new Set(told.map(({ outcome }) => outcome))).toEqual(new Set(['allowed']));
  });

  it.each([
    ['stopped', (server: RedisServer) => server.pause(), (server: RedisServer) => server.resume()],
    ['killed', (server: RedisServer) => server.kill(), (server: RedisServer) => server.start()],
  ])(
    'a Redis that is %s and comes back gets everybody the configured outcome, and keeps nobody',
    async (_what, strike, recover) => {
      const server = await startServer();
      const engine = await startEngine(server.port);
      const load = startLoad(engine);
      await load.go(300);
      await strike(server);
      await engine.metrics.until('open');
      await load.go(300);
      await recover(server);
      await engine.metrics.until('closed');
      await load.go(300);
      const told = await load.finish();
      const outcomesOf = (policy: WhenUnavailable) =>
        [...new Set(told.filter((one) => one.policy === policy).map(({ outcome }) => outcome))].toSorted();
      expect(POLICIES.map(outcomesOf)).toEqual([
        ['allowed', 'unavailable'],
        ['allowed', 'unavailable'],
        ['allowed'],
      ]);
      expect(Math.max(...told.map(({ tookMs }) => tookMs))).toBeLessThan(HUNG_MS);
    },
  );
});

describeWithServer('two processes that want more than there is', () => {
  const unleased = POLICIES.map(String);
  /** Longer than a busy machine takes for an answer. An answer may take twice that: a process that was busy itself waits once more. */
  const ANSWER_MS_MAX = HUNG_MS / 2 - 50;

  async function startTwo(port: number): Promise<readonly [Engine, Engine]> {
    return [await startEngine(port, ANSWER_MS_MAX), await startEngine(port, ANSWER_MS_MAX)];
  }

  it('get the limit once more after FLUSHALL, and not one more; nobody is left without a decision or kept', async () => {
    const server = await startServer();
    const load = startContest(await startTwo(server.port));
    const areSpent = (told: readonly Told[], times: number) => {
      const admitted = countByTier(told, isAdmitted);
      // Of leased units some may not come to be used.
      const leastOf = (name: string) => (name === 'leased' ? 4.5 : 1) * WANTED_LIMIT * times;
      return Object.keys(admitted).every((name) => (admitted[name] ?? 0) >= leastOf(name));
    };
    await load.until((told) => areSpent(told, 1));
    await server.ask((redis) => redis.flushall());
    const flushedAtMs = performance.now();
    await load.until((told) => areSpent(told, 2));
    const enough = load.told.length + 2_000;
    await load.until((told) => told.length >= enough);
    const told = await load.finish();

    expect(new Set(told.map(({ decision }) => decision.outcome))).toEqual(new Set(['allowed', 'limited']));
    expect(slowestMsOf(told)).toBeLessThan(HUNG_MS);
    const admitted = countByTier(told, isAdmitted);
    expect(unleased.map((name) => admitted[name])).toEqual(unleased.map(() => 2 * WANTED_LIMIT));
    const since = countByTier(told, (one) => isAdmitted(one) && one.askedAtMs >= flushedAtMs);
    for (const name of unleased) expect(since[name]).toBeLessThanOrEqual(WANTED_LIMIT);
    // What the two had on lease, an eighth each at most, was of what is forgotten.
    expect(admitted['leased']).toBeLessThanOrEqual(10 * WANTED_LIMIT);
    expect(since['leased']).toBeLessThanOrEqual(5 * WANTED_LIMIT * 1.25);
  });

  it('get the configured outcome from the death of a primary on, and from the promotion of its replica on what that knows to be left', async () => {
    const primary = await startServer();
    const replica = await startServer(primary.port);
    const proxy = await TcpProxy.to(primary.port);
    closing.push(() => proxy.close());
    const engines = await startTwo(proxy.port);
    await untilReplicated(primary);
    const load = startContest(engines);
    await load.until((told) => Object.values(countByTier(told, isAdmitted)).every((units) => units >= 50));
    proxy.leadTo(replica.port);
    await primary.kill();
    await Promise.all(engines.map(({ metrics }) => metrics.until('open')));
    const openAtMs = performance.now();
    const isLocal = (one: Told) => limitToldIn(one) === WANTED_LIMIT / 2;
    await load.until((told) =>
      [0, 1].every((engine) =>
        told.some((one) => one.engine === engine && isLocal(one) && one.decision.outcome === 'limited'),
      ),
    );
    await untilProbed(replica);
    const known = await unitsIn(replica);
    for (const name of wantedTiers.keys()) expect(known[name]).toBeGreaterThan(0);
    const promotedAtMs = performance.now();
    await replica.ask((redis) => redis.replicaof('NO', 'ONE'));
    await Promise.all(engines.map(({ metrics }) => metrics.until('closed')));
    const closedAtMs = performance.now();
    const isOfReplica = (one: Told) =>
      one.answeredAtMs >= promotedAtMs && !isLocal(one) && one.decision.outcome !== 'unavailable';
    await load.until((told) =>
      Object.values(countByTier(told, (one) => isOfReplica(one) && one.decision.outcome === 'limited')).every(
        (refused) => refused > 0,
      ),
    );
    const enough = load.told.length + 2_000;
    await load.until((told) => told.length >= enough);
    const told = await load.finish();

    expect(slowestMsOf(told)).toBeLessThan(HUNG_MS);
    const between = told.filter((one) => one.askedAtMs >= openAtMs && one.answeredAtMs < promotedAtMs);
    const outcomesOf = (some: readonly Told[], name: string) =>
      [
        ...new Set(some.filter(({ tierName }) => tierName === name).map(({ decision }) => decision.outcome)),
      ].toSorted();
    expect(['open', 'closed'].map((name) => outcomesOf(between, name))).toEqual([
      ['unavailable'],
      ['unavailable'],
    ]);
    expect(between.filter((one) => one.tierName === 'local' && !isLocal(one))).toEqual([]);
    for (const engine of [0, 1]) {
      const local = told.filter((one) => one.engine === engine && isLocal(one) && isAdmitted(one));
      expect(local).toHaveLength(WANTED_LIMIT / 2);
    }
    // What is on lease is had, whoever is away; there is no more.
    expect(outcomesOf(between, 'leased')).toContain('unavailable');

    const since = countByTier(told, (one) => isOfReplica(one) && isAdmitted(one));
    expect(unleased.map((name) => since[name])).toEqual(
      unleased.map((name) => WANTED_LIMIT - (known[name] ?? 0)),
    );
    const leasedSince = countByTier(told, (one) => isAdmitted(one) && one.askedAtMs >= openAtMs)['leased'];
    expect(leasedSince).toBeLessThanOrEqual(5 * WANTED_LIMIT * 1.25 - (known['leased'] ?? 0));
    expect(told.filter((one) => one.askedAtMs >= closedAtMs && limitToldIn(one) === null)).toEqual([]);
    // It had never been sent the script.
    expect(await replica.ask((redis) => redis.info('commandstats'))).toContain('cmdstat_eval:');
  });

  /** By tier: what a server has of the principal whose units are wanted. */
  async function unitsIn(server: RedisServer): Promise<Record<string, number>> {
    const bytesBefore = 'log:60000\n'.length + 4;
    const entries = [...wantedTiers.keys()].map(async (name) => {
      const bytes = await server.ask((redis) => redis.strlen(`limit:{user:${name}}`));
      return [name, (bytes - bytesBefore) / 8] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }
});

describeWithServer('an engine that is closed', () => {
  it('keeps no process from ending, however long it would have waited for an answer', async () => {
    const timers = new Map<number, NodeJS.Timeout>();
    const hook = createHook({
      // Of this type is what `setTimeout` gives.
      init: (id, type, _cause, timer) => void (type === 'Timeout' && timers.set(id, timer as NodeJS.Timeout)),
      destroy: (id) => void timers.delete(id),
    });
    const holding = () => [...timers.values()].filter((timer) => timer.hasRef());
    const server = await startServer();
    hook.enable();
    const { decide, engine } = await startEngine(server.port, 10_000);
    await decide('closed');
    await engine.close();
    // That of the connection goes as soon as it is closed from the other side too.
    const untilMs = performance.now() + HUNG_MS;
    while (holding().length > 0 && performance.now() < untilMs) await new Promise(setImmediate);
    hook.disable();
    expect(timers.size).toBeGreaterThan(0);
    expect(holding()).toHaveLength(0);
  });

  it('has given back what it leased, and asks no more', async () => {
    const server = await startServer();
    const [first, second] = [
      await startEngine(server.port, PATIENT_MS),
      await startEngine(server.port, PATIENT_MS),
    ];
    await untilCellIsYoung();
    await first.decide('leased');
    expect(first.decide('leased')).not.toBeInstanceOf(Promise);
    await first.engine.close();
    await first.engine.close();
    // Three units were used; 124 more had been leased.
    const decision = await second.decide('leased');
    const [budget] = decision.outcome === 'unavailable' ? [] : decision.budgets;
    expect(budget?.remaining).toBe(1_000 - 3 - Math.floor((1_000 - 3) / 8));
    expect(first.decide('closed')).toMatchObject({ outcome: 'unavailable' });
    expect(first.engine.isReady).toBe(false);
  });

  it('is closed within seconds while Redis hangs', async () => {
    const server = await startServer();
    const { decide, engine } = await startEngine(server.port);
    await decide('leased');
    server.pause();
    const startedAt = performance.now();
    await engine.close();
    expect(performance.now() - startedAt).toBeLessThan(HUNG_MS);
  });
});
