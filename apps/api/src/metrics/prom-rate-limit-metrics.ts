import { Injectable } from '@nestjs/common';
import { type BreakerState, type Decision, RateLimitMetrics } from 'nest-rate-tiers';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From a Redis next door to one that is given up, seconds. */
const REDIS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05];

/** What is decided about requests in this process, for Prometheus. No label holds anybody's data. */
@Injectable()
export class PromRateLimitMetrics extends RateLimitMetrics {
  /** Its own: nothing that another part of the process registers shows up here. */
  private readonly registry = new Registry();
  private readonly decisionsTotal = new Counter({
    name: 'rate_limit_decisions_total',
    help: 'Decisions about requests and failed sign-ins, by tier and outcome.',
    labelNames: ['tier', 'outcome'] as const,
    registers: [this.registry],
  });
  private readonly redisSeconds = new Histogram({
    name: 'rate_limit_redis_seconds',
    help: 'What one decision of Redis took, the way there and back.',
    buckets: REDIS_BUCKETS,
    registers: [this.registry],
  });
  private readonly breakerOpen = new Gauge({
    name: 'rate_limit_breaker_open',
    help: '1 while Redis does not answer and each process counts for itself, else 0.',
    registers: [this.registry],
  });
  private readonly leasesTotal = new Counter({
    name: 'rate_limit_leases_total',
    help: 'Requests of leased tiers: answered from the lease of this process (hit), or by Redis (miss).',
    labelNames: ['result'] as const,
    registers: [this.registry],
  });

  override decided(tier: string, outcome: Decision['outcome']): void {
    this.decisionsTotal.inc({ tier, outcome });
  }

  override redisAnswered(durationMs: number): void {
    this.redisSeconds.observe(durationMs / 1_000);
  }

  override breakerChanged(state: BreakerState): void {
    this.breakerOpen.set(state === 'open' ? 1 : 0);
  }

  override leaseAsked(wasHit: boolean): void {
    this.leasesTotal.inc({ result: wasHit ? 'hit' : 'miss' });
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }
}
