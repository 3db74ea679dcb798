import type { Tier } from '../tiers/tier.js';
import type { Decision, WindowBudget } from './decision.js';
import { principalKey } from './principal-key.js';
import { type LimitRequest, RateLimiter } from './rate-limiter.js';
import { type LimitScript, limitScript } from './redis-limit-script.js';

/** What the script gives of a tier that leases, after all else. */
const LEASE_LENGTH = 3;

/** What runs scripts: a connection, behind whatever watches over it. */
export interface ScriptRunner {
  /** The script's answer; rejects when there is none. `key` says which slot. */
  run(call: LimitScriptCall): Promise<unknown>;
}

export interface LimitScriptCall {
  readonly script: LimitScript;
  readonly key: string;
  readonly words: readonly number[];
  /** Is given an answer that comes after this was rejected. */
  readonly onLate?: (answer: unknown) => void;
}

/** Units that were taken ahead of need. */
export interface Grant {
  readonly units: number;
  /** On the clock of Redis, microseconds. */
  readonly grantedAtUs: number;
  readonly endsAtUs: number;
}

/** Units of a grant that were used one soon after the other. */
export interface GrantUse {
  readonly units: number;
  /** When the last of them was at the latest, on the clock of Redis, microseconds. */
  readonly untilUs: number;
}

/** What became of a grant. */
export interface SettledGrant {
  readonly grant: Grant;
  readonly unitsLeft: number;
  /** Of all the others. */
  readonly uses: readonly GrantUse[];
}

/** What is asked for besides the decision. */
export interface GrantRequest {
  /** What remains, divided by this, is granted on top; 0: nothing is. */
  readonly divisor: number;
  /** Units that are granted at least, as far as they are there. */
  readonly least: number;
  /** Milliseconds that a grant lives at most, a twentieth of the tier's shortest window or less, and always the same for a tier. */
  readonly cellMs: number;
  /** An earlier one, which is over with this. */
  readonly settled: SettledGrant | null;
}

export interface GrantedDecision {
  readonly decision: Decision;
  /** Null where nothing was granted. */
  readonly grant: Grant | null;
}

/** For any number of processes: one script in Redis decides, in one round trip. */
export class RedisRateLimiter extends RateLimiter {
  readonly #scripts = new WeakMap<Tier, LimitScript>();

  constructor(
    private readonly runner: ScriptRunner,
    private readonly keyPrefix: string,
  ) {
    super();
  }

  /** @throws what the runner rejects with: this knows no policy */
  async decide(request: LimitRequest): Promise<Decision> {
    return this.#decisionOf(request, await this.#run(request, []));
  }

  /** Decides, settles an earlier grant, and takes a new one where the request is allowed: all in one step. */
  async decideAndGrant(request: LimitRequest, grant: GrantRequest): Promise<GrantedDecision> {
    const answer = await this.#run(request, wordsOf(grant), (late) => this.#decline(request, grant, late));
    return { decision: this.#decisionOf(request, answer), grant: grantIn(answer) };
  }

  /** Harmless where Redis has lost what was granted, or what it was granted from has ended. */
  async settle(
    principal: string,
    tier: Tier,
    { cellMs, settled }: Omit<GrantRequest, 'divisor' | 'least'>,
  ): Promise<void> {
    await this.#run({ principal, tier, cost: 0 }, wordsOf({ divisor: 0, least: 0, cellMs, settled }));
  }

  /** What was granted to one who waits no more. */
  #decline({ principal, tier }: LimitRequest, { cellMs }: GrantRequest, late: unknown): void {
    const grant = grantIn(answerIn(late, tier));
    if (grant === null) return;
    const settled = { grant, unitsLeft: grant.units, uses: [] };
    // Where that fails too they stay spent until they leave the window.
    this.settle(principal, tier, { cellMs, settled }).catch(() => undefined);
  }

  async #run(
    { principal, tier, cost }: LimitRequest,
    grantWords: readonly number[],
    onLate?: (answer: unknown) => void,
  ): Promise<readonly number[]> {
    const answer = await this.runner.run({
      script: this.#scriptOf(tier),
      key: `${this.keyPrefix}{${principalKey(principal)}}`,
      words: [cost, ...grantWords],
      ...(onLate === undefined ? {} : { onLate }),
    });
    return answerIn(answer, tier);
  }

  #scriptOf(tier: Tier): LimitScript {
    const known = this.#scripts.get(tier);
    if (known !== undefined) return known;
    const script = limitScript(tier);
    this.#scripts.set(tier, script);
    return script;
  }

  #decisionOf({ tier: { windows } }: LimitRequest, answer: readonly number[]): Decision {
    const budgets = windows.map(({ name, limit, durationMs }, index): WindowBudget => {
      const [used = 0, resetMs = 0] = [answer[1 + 2 * index], answer[2 + 2 * index]];
      return { name, limit, durationMs, remaining: Math.max(0, limit - used), resetMs };
    });
    if (answer[0] === 1) return { outcome: 'allowed', budgets };
    const waitsMs = answer.slice(1 + 2 * windows.length);
    const violated = windows.filter((_window, index) => (waitsMs[index] ?? 0) > 0).map(({ name }) => name);
    return {
      outcome: 'limited',
      budgets,
      violated,
      retryAfterMs: Math.max(1, ...waitsMs.slice(0, windows.length)),
    };
  }
}

function wordsOf({ divisor, least, cellMs, settled }: GrantRequest): readonly number[] {
  const words = [divisor, least, Math.max(1, Math.floor(cellMs * 1_000))];
  if (settled === null) return words;
  const { grant, unitsLeft, uses } = settled;
  const used = uses.flatMap(({ units, untilUs }) => [units, untilUs]);
  return [...words, grant.grantedAtUs, grant.endsAtUs, unitsLeft, ...used];
}

function grantIn(answer: readonly number[]): Grant | null {
  const [grantedAtUs = 0, endsAtUs = 0, units = 0] = answer.slice(-LEASE_LENGTH);
  return units > 0 ? { units, grantedAtUs, endsAtUs } : null;
}

function answerIn(answer: unknown, { windows, isLeased }: Tier): readonly number[] {
  if (Array.isArray(answer) && answer.every((value) => typeof value === 'number')) {
    const length = 1 + windows.length * (answer[0] === 1 ? 2 : 3) + (isLeased ? LEASE_LENGTH : 0);
    if (answer.length === length) return answer;
  }
  throw new Error('Redis gave an answer that is none of the script.');
}
