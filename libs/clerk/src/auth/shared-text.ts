import type { UnknownRecord } from '../unknown-record.js';

/** Claims that many tokens have word for word. */
const CLAIMS = ['iss', 'azp', 'fea'] as const;
const TEXTS_MAX = 1_000;

/** Makes what remembered tokens have in common one text in memory: a sixth of what they take. */
export class SharedText {
  readonly #texts = new Map<string, string>();

  /** Writes into the claims, and returns them. */
  in(claims: UnknownRecord): UnknownRecord {
    const shared: Record<string, unknown> = claims;
    for (const name of CLAIMS) {
      const value = shared[name];
      if (typeof value === 'string') shared[name] = this.#of(value);
    }
    return claims;
  }

  #of(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
