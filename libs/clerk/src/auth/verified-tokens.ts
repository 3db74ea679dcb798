import { hash } from 'node:crypto';

import type { VerifiedSession } from './session-claims.js';

interface Entry {
  readonly session: VerifiedSession;
  /** Unix time, milliseconds: before or from these on the token has to be verified anew. */
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface VerifiedTokensOptions {
  /** Most tokens kept. @default 10000 */
  readonly tokensMax?: number;
  /** Longest time a token is kept, milliseconds; 0 keeps none. */
  readonly ttlMs: number;
}

/**
 * Tokens that were verified, in this process only, by their SHA-256: the tokens themselves are not kept. Two generations make
 * it bounded and nearly least-recently-used, with no list to maintain on a hit.
 */
export class VerifiedTokens {
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  readonly #generationMax: number;
  readonly #ttlMs: number;

  constructor(options: VerifiedTokensOptions) {
    this.#generationMax = Math.max(1, Math.ceil((options.tokensMax ?? 10_000) / 2));
    this.#ttlMs = options.ttlMs;
  }

  get(digest: string, nowMs: number): VerifiedSession | null {
    const young = this.#young.get(digest);
    const entry = young ?? this.#old.get(digest);
    if (entry === undefined || nowMs < entry.fromMs || nowMs >= entry.untilMs) return null;
    if (young === undefined) this.#keep(digest, entry);
    return entry.session;
  }

  set(digest: string, session: VerifiedSession, nowMs: number): void {
    const untilMs = Math.min(session.auth.expiresAtMs, nowMs + this.#ttlMs);
    if (untilMs > nowMs) this.#keep(digest, { session, fromMs: session.notBeforeMs, untilMs });
  }

  #keep(digest: string, entry: Entry): void {
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(digest, entry);
  }
}

export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
