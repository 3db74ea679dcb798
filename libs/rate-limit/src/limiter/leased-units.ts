import type { Tier } from '../tiers/tier.js';
import type { Decision, WindowBudget } from './decision.js';
import type { LimitRequest } from './rate-limiter.js';
import type { Grant, RedisRateLimiter, SettledGrant } from './redis-rate-limiter.js';

/** Of what remains each process takes a quarter of its part: the rest is there for those who come later. */
const SHARE = 4;
/** But no less than so much of the limit: near the limit every unit that comes back would cost a round trip. */
const LEAST_PER_LIMIT = 0.01;
/** Leased units stand in logs at the end of their cell until it is known when they were used: so much of a window at most. */
const CELL_PER_WINDOW = 1 / 20;
const CELL_MS_MAX = 5_000;
/** What is left is given back so much of a cell after its end: a request that comes until then takes it along on its own way. */
const GRACE_PER_CELL = 0.1;
const GIVE_BACK_AT_ONCE_MAX = 100;
/**
 * What is used within so much of a cell is taken for used at the last of these times: a 120th of a window. Less would let units come back to
 * an exhausted window one by one, each for a round trip of every process.
 */
const USE_PER_CELL = 1 / 6;
/** The clock here may run so much slower than that of Redis: ten times what a bad one does. */
const CLOCK_DRIFT_MAX = 0.001;

interface Lease {
  readonly principal: string;
  readonly tier: Tier;
  readonly grant: Grant;
  /** As Redis gave them, where all leased units are spent. */
  readonly budgets: readonly WindowBudget[];
  readonly grantedAtMs: number;
  readonly untilMs: number;
  readonly timer: NodeJS.Timeout;
  unitsLeft: number;
  readonly uses: Use[];
}

interface Use {
  readonly sinceMs: number;
  untilMs: number;
  units: number;
}

export interface LeasedUnitsParts {
  readonly limiter: RedisRateLimiter;
  /** How many processes share the limits. */
  readonly instances: number;
  /** Leases at a time. */
  readonly leasesMax: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Something of this principal's came back. */
  readonly onGivenBack: (principal: string) => void;
}

/**
 * Units that this process took from Redis ahead of need: while they last, requests are decided here at once. They are spent in Redis from
 * the start, so that all processes together never let through more than the limit. The price: others may be refused what a lease holds, and
 * what was used of one that nobody has settled yet leaves its window up to a twentieth of it late, 5 seconds at most. A lease lives no
 * longer than that, nor than a counter that it was taken from.
 */
export class LeasedUnits {
  readonly #leases = new Map<string, Lease>();
  readonly #asking = new Map<string, Promise<unknown>>();
  #isClosed = false;

  constructor(private readonly parts: LeasedUnitsParts) {}

  get size(): number {
    return this.#leases.size;
  }

  /** Null where this process has not got the units. */
  take({ principal, tier, cost }: LimitRequest): Decision | null {
    const lease = this.#leases.get(principal);
    if (lease === undefined || lease.tier !== tier || lease.unitsLeft < cost) return null;
    const nowMs = this.parts.nowMs();
    if (nowMs >= lease.untilMs) return null;
    use(lease, cost, nowMs);
    return { outcome: 'allowed', budgets: budgetsOf(lease, nowMs - lease.grantedAtMs) };
  }

  /** Settles when what is being asked for this principal has been answered; null while nothing is. */
  askedFor(principal: string): Promise<unknown> | null {
    return this.#asking.get(principal) ?? null;
  }

  /** Asks Redis for the decision and, unless another request of the principal is doing so, for a lease. */
  async ask(request: LimitRequest): Promise<Decision> {
    const { principal } = request;
    if (this.#asking.has(principal)) return this.parts.limiter.decide(request);
    const asked = this.#ask(request);
    this.#asking.set(
      principal,
      asked.catch(() => undefined),
    );
    try {
      return await asked;
    } finally {
      this.#asking.delete(principal);
    }
  }

  /** Gives back all that is left, and what is granted from now on at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const leases = [...this.#leases.keys()]
      .flatMap((principal) => this.#remove(principal) ?? [])
      .filter(({ unitsLeft }) => unitsLeft > 0);
    for (let given = 0; given < leases.length; given += GIVE_BACK_AT_ONCE_MAX) {
      await Promise.all(
        leases.slice(given, given + GIVE_BACK_AT_ONCE_MAX).map((lease) => this.#settle(lease)),
      );
    }
  }

  async #ask(request: LimitRequest): Promise<Decision> {
    const { limiter, instances, leasesMax, nowMs } = this.parts;
    const { principal, tier } = request;
    const earlier = this.#remove(principal);
    const isOfTier = earlier?.tier === tier;
    if (earlier !== null && !isOfTier) void this.#settle(earlier);
    const askedAtMs = nowMs();
    const { decision, grant } = await limiter.decideAndGrant(request, {
      divisor: this.#leases.size < leasesMax ? SHARE * instances : 0,
      least: leastOf(tier),
      cellMs: cellMsOf(tier),
      settled: earlier !== null && isOfTier ? settledOf(earlier) : null,
    });
    if (grant !== null) this.#keep(request, { grant, decision, askedAtMs });
    return decision;
  }

  #keep(
    { principal, tier }: LimitRequest,
    { grant, decision, askedAtMs }: { grant: Grant; decision: Decision; askedAtMs: number },
  ): void {
    if (decision.outcome !== 'allowed') return;
    const lifeMs = (grant.endsAtUs - grant.grantedAtUs) / 1_000 / (1 + CLOCK_DRIFT_MAX);
    const lease: Lease = {
      principal,
      tier,
      grant,
      budgets: decision.budgets,
      grantedAtMs: askedAtMs,
      untilMs: askedAtMs + lifeMs,
      unitsLeft: grant.units,
      uses: [],
      timer: setTimeout(() => this.#expire(principal), lifeMs + cellMsOf(tier) * GRACE_PER_CELL).unref(),
    };
    this.#leases.set(principal, lease);
    if (this.#isClosed) this.#expire(principal);
  }

  #expire(principal: string): void {
    const lease = this.#remove(principal);
    if (lease !== null && lease.unitsLeft > 0) void this.#settle(lease);
  }

  #remove(principal: string): Lease | null {
    const lease = this.#leases.get(principal);
    if (lease === undefined) return null;
    clearTimeout(lease.timer);
    this.#leases.delete(principal);
    return lease;
  }

  /** Gives back what is left of it. */
  async #settle(lease: Lease): Promise<void> {
    const { principal, tier, unitsLeft } = lease;
    try {
      await this.parts.limiter.settle(principal, tier, { cellMs: cellMsOf(tier), settled: settledOf(lease) });
      if (unitsLeft > 0) this.parts.onGivenBack(principal);
    } catch {
      // They stay spent until they leave the window: less is let through than might be, never more.
    }
  }
}

function use(lease: Lease, units: number, nowMs: number): void {
  lease.unitsLeft -= units;
  const last = lease.uses.at(-1);
  if (last !== undefined && nowMs - last.sinceMs < cellMsOf(lease.tier) * USE_PER_CELL) {
    last.untilMs = nowMs;
    last.units += units;
  } else {
    lease.uses.push({ sinceMs: nowMs, untilMs: nowMs, units });
  }
}

/** Redis granted it after it was asked for: so what was used here had been, by its clock, no later than as long after the grant. */
function settledOf({ grant, unitsLeft, grantedAtMs, uses }: Lease): SettledGrant {
  const untilUs = (untilMs: number) =>
    grant.grantedAtUs + Math.ceil((untilMs - grantedAtMs) * 1_000 * (1 + CLOCK_DRIFT_MAX));
  return {
    grant,
    unitsLeft,
    uses: uses.map(({ units, untilMs }) => ({ units, untilUs: untilUs(untilMs) })),
  };
}

function leastOf({ windows }: Tier): number {
  return Math.ceil(Math.min(...windows.map(({ limit }) => limit)) * LEAST_PER_LIMIT);
}

/** By the logs of other tiers too, in which leased units stand as well: no unit may stand further ahead than a twentieth of the window. */
function cellMsOf({ windows, countedWindows }: Tier): number {
  const logs = countedWindows.filter(({ algorithm }) => algorithm === 'log');
  const shortestMs = Math.min(...[...windows, ...logs].map(({ durationMs }) => durationMs));
  return Math.min(CELL_MS_MAX, shortestMs * CELL_PER_WINDOW);
}

function budgetsOf({ budgets, unitsLeft }: Lease, elapsedMs: number): readonly WindowBudget[] {
  return budgets.map(({ name, limit, durationMs, remaining, resetMs }) => ({
    name,
    limit,
    durationMs,
    remaining: remaining + unitsLeft,
    resetMs: Math.max(1, Math.ceil(resetMs - elapsedMs)),
  }));
}
