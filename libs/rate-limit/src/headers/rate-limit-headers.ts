import type { WindowBudget } from '../limiter/decision.js';
import type { Tier } from '../tiers/tier.js';
import { draft10 } from './draft-10.js';
import { resetSeconds } from './seconds.js';

/** Revision of the IETF draft whose syntax is spoken. */
export type HeaderDraft = 10;

/** How one revision of the draft writes its two fields. */
export interface HeaderSyntax {
  /** `RateLimit-Policy`: what is allowed. */
  policy(tier: Tier): string;
  /** `RateLimit`: what is left. */
  state(budgets: readonly WindowBudget[]): string;
}

const SYNTAX_OF_DRAFT: Readonly<Record<HeaderDraft, HeaderSyntax>> = { 10: draft10 };

/** The drafts that are spoken. */
export const HEADER_DRAFTS: readonly HeaderDraft[] = [10];

/** What the headers are written to: a reply of Fastify or a response of Express. */
export interface HeaderSink {
  header(name: string, value: string): unknown;
}

export interface RateLimitHeadersOptions {
  /** Null: neither `RateLimit-Policy` nor `RateLimit`. */
  readonly draft: HeaderDraft | null;
  /** Whether `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds) tell of the tightest window. */
  readonly legacy: boolean;
}

/** Writes what a decision says into the headers of an answer. */
export class RateLimitHeaders {
  readonly #syntax: HeaderSyntax | null;
  /** A tier's limits do not change: written once. */
  readonly #policies = new WeakMap<Tier, string>();

  constructor(private readonly options: RateLimitHeadersOptions) {
    this.#syntax = options.draft === null ? null : SYNTAX_OF_DRAFT[options.draft];
  }

  write(sink: HeaderSink, tier: Tier, budgets: readonly WindowBudget[]): void {
    if (this.#syntax !== null) {
      sink.header('ratelimit-policy', this.#policyOf(tier, this.#syntax));
      sink.header('ratelimit', this.#syntax.state(budgets));
    }
    if (this.options.legacy) writeLegacy(sink, budgets);
  }

  #policyOf(tier: Tier, syntax: HeaderSyntax): string {
    let policy = this.#policies.get(tier);
    if (policy === undefined) this.#policies.set(tier, (policy = syntax.policy(tier)));
    return policy;
  }
}

/** The tightest window: the one with the fewest units left, and of those the one that stays so the longest. */
function writeLegacy(sink: HeaderSink, budgets: readonly WindowBudget[]): void {
  const [tightest] = budgets.toSorted((a, b) => a.remaining - b.remaining || b.resetMs - a.resetMs);
  if (tightest === undefined) return;
  sink.header('x-ratelimit-limit', String(tightest.limit));
  sink.header('x-ratelimit-remaining', String(tightest.remaining));
  sink.header('x-ratelimit-reset', String(resetSeconds(tightest)));
}
