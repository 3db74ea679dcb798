import { hash } from 'node:crypto';

import type { VerifiedSession } from './session-claims.js';

interface Entry {
  readonly session: VerifiedSession;
  /** Unix time, milliseconds: from then on the token has to be verified anew. */
  readonly untilMs: number;
  wasUsed: boolean;
}

export interface VerifiedTokensOptions {
  /** Most tokens kept. @default 10000 */
  readonly tokensMax?: number;
  /** Longest time a token is kept, milliseconds; 0 keeps none. */
  readonly ttlMs: number;
}

/**
 * Tokens that were verified, in this process only, by their SHA-256: the tokens themselves are not kept. Bounded, with the CLOCK
 * replacement: a hit sets one bit, and the hand gives what was used a second chance before it takes its place.
 */
export class VerifiedTokens {
  readonly #entries = new Map<string, Entry>();
  /** Digests in the order of their places. */
  readonly #places: string[] = [];
  readonly #tokensMax: number;
  readonly #ttlMs: number;
  #hand = 0;

  constructor(options: VerifiedTokensOptions) {
    this.#tokensMax = Math.max(1, options.tokensMax ?? 10_000);
    this.#ttlMs = options.ttlMs;
  }

  get(digest: string, nowMs: number): VerifiedSession | null {
    const entry = this.#entries.get(digest);
    if (entry === undefined || nowMs < entry.session.notBeforeMs || nowMs >= entry.untilMs) return null;
    entry.wasUsed = true;
    return entry.session;
  }

  set(digest: string, session: VerifiedSession, nowMs: number): void {
    const untilMs = Math.min(session.auth.expiresAtMs, nowMs + this.#ttlMs);
    if (untilMs <= nowMs) return;
    if (!this.#entries.has(digest)) this.#place(digest, nowMs);
    this.#entries.set(digest, { session, untilMs, wasUsed: false });
  }

  clear(): void {
    this.#entries.clear();
    this.#places.length = 0;
    this.#hand = 0;
  }

  #place(digest: string, nowMs: number): void {
    if (this.#places.length < this.#tokensMax) {
      this.#places.push(digest);
      return;
    }
    while (this.#hasSecondChance(nowMs)) this.#hand = (this.#hand + 1) % this.#tokensMax;
    this.#entries.delete(this.#places[this.#hand] ?? '');
    this.#places[this.#hand] = digest;
    this.#hand = (this.#hand + 1) % this.#tokensMax;
  }

  /** Ends within one round: whoever has one loses it. */
  #hasSecondChance(nowMs: number): boolean {
    const entry = this.#entries.get(this.#places[this.#hand] ?? '');
    if (entry === undefined || !entry.wasUsed || entry.untilMs <= nowMs) return false;
    entry.wasUsed = false;
    return true;
  }
}

export function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
