import { localTier } from '../tiers/local-tier.js';
import type { Tier } from '../tiers/tier.js';
import type { RateLimitMetrics } from '../rate-limit-metrics.js';
import { BlockedPrincipals } from './blocked-principals.js';
import type { Decision } from './decision.js';
import { LeasedUnits } from './leased-units.js';
import { MemoryRateLimiter } from './memory-rate-limiter.js';
import { principalMapKey } from './principal-key.js';
import { type LimitRequest, RateLimiter } from './rate-limiter.js';
import type { RedisBreaker } from './redis-breaker.js';
import { RedisRateLimiter } from './redis-rate-limiter.js';

/** Of what it remembers of principals besides their budgets: each is a few hundred bytes. */
const BLOCKED_MAX = 10_000;
const LEASES_MAX = 10_000;
const LEASE_WAITS_MAX = 3;
const GIVE_BACK_MS_MAX = 1_000;

export interface SharedRateLimiterParts {
  readonly breaker: RedisBreaker;
  readonly keyPrefix: string;
  readonly instances: number;
  readonly principalsMax: number;
  readonly metrics: RateLimitMetrics;
}

/** Redis decides for all processes; what this one knows already, or must decide alone while Redis is away, it says by itself. */
export class SharedRateLimiter extends RateLimiter {
  readonly #blocked = new BlockedPrincipals(BLOCKED_MAX);
  readonly #limiter: RedisRateLimiter;
  readonly #leases: LeasedUnits;
  readonly #local: MemoryRateLimiter;
  readonly #localTiers = new WeakMap<Tier, Tier>();
  readonly #nowMs = () => performance.now();

  constructor(private readonly parts: SharedRateLimiterParts) {
    super();
    const { breaker, keyPrefix, instances, principalsMax } = parts;
    this.#limiter = new RedisRateLimiter(breaker, keyPrefix);
    this.#local = new MemoryRateLimiter({ principalsMax });
    this.#leases = new LeasedUnits({
      limiter: this.#limiter,
      instances,
      leasesMax: LEASES_MAX,
      nowMs: this.#nowMs,
      onGivenBack: (principal) => this.#blocked.delete(principal),
    });
  }

  decide(request: LimitRequest): Decision | Promise<Decision> {
    const principal = principalMapKey(request.principal);
    const fit = principal === request.principal ? request : { ...request, principal };
    return this.#known(fit) ?? this.#ask(fit);
  }

  /** Gives back what is leased, for a second at most. */
  async close(): Promise<void> {
    if (this.parts.breaker.isOpen) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, GIVE_BACK_MS_MAX)));
    await Promise.race([this.#leases.close(), late]);
    clearTimeout(timer);
  }

  /** A lease first: it holds what Redis would refuse. */
  #known(request: LimitRequest): Decision | null {
    const leased = request.tier.isLeased ? this.#leases.take(request) : null;
    if (leased !== null) {
      this.parts.metrics.leaseAsked(true);
      return leased;
    }
    return this.#blocked.find(request, this.#nowMs());
  }

  #ask(request: LimitRequest): Decision | Promise<Decision> {
    if (this.parts.breaker.isOpen) return this.#decideAlone(request);
    return request.tier.isLeased ? this.#askForLease(request) : this.#askRedis(request);
  }

  /** Many requests at once wait for the one that asks for a lease to serve them all, a few times: after that each asks for itself. */
  async #askForLease(request: LimitRequest): Promise<Decision> {
    for (let waits = 0; waits < LEASE_WAITS_MAX; waits += 1) {
      const asked = this.#leases.askedFor(request.principal);
      if (asked === null) break;
      await asked;
      const known = this.#known(request);
      if (known !== null) return known;
    }
    return this.parts.breaker.isOpen ? this.#decideAlone(request) : this.#askRedis(request);
  }

  async #askRedis(request: LimitRequest): Promise<Decision> {
    const askedAtMs = this.#nowMs();
    const { isLeased } = request.tier;
    if (isLeased) this.parts.metrics.leaseAsked(false);
    try {
      const decision = await (isLeased ? this.#leases.ask(request) : this.#limiter.decide(request));
      if (decision.outcome === 'limited') this.#blocked.add(request, decision, askedAtMs);
      return decision;
    } catch {
      // The breaker has it, and has told; the policy of the tier is the answer.
      return this.#decideAlone(request);
    }
  }

  #decideAlone(request: LimitRequest): Decision {
    const { tier } = request;
    if (tier.whenUnavailable !== 'local')
      return { outcome: 'unavailable', retryAfterMs: this.parts.breaker.retryAfterMs };
    let part = this.#localTiers.get(tier);
    if (part === undefined) {
      part = localTier(tier, this.parts.instances);
      this.#localTiers.set(tier, part);
    }
    return this.#local.decide({ ...request, tier: part });
  }
}
