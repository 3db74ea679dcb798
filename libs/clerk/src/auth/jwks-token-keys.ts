import type { KeyObject } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import { parseJwks, TokenKeys } from './token-keys.js';

/** Older keys are served while new ones are fetched behind the request: so a withdrawn key goes within this and one fetch. */
const FRESH_MS = 300_000;
/** After a failure nobody asks again before this: Clerk is down for all of us. */
const FAILURE_PAUSE_MS = 1_000;
/** Clerk may ask for a longer pause, and gets it up to this: keys that change meanwhile are not seen before. */
const ASKED_PAUSE_MS_MAX = 60_000;

export interface JwksTokenKeysOptions {
  /** `GET /v1/jwks`, with a timeout. @throws ClerkError */
  readonly fetchJwks: () => Promise<unknown>;
  /** How long the last good keys are served while Clerk cannot be reached, milliseconds. */
  readonly staleMsMax: number;
  /** Least time between two requests that an unknown key id causes, milliseconds. */
  readonly unknownKeyCooldownMs: number;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

interface Failure {
  readonly error: ClerkError;
  /** Unix time, milliseconds: nobody asks before. */
  readonly pauseUntilMs: number;
}

/**
 * The keys that Clerk publishes. One request is in flight at a time, however many ask; the last good keys stay in force while
 * Clerk is down; and forged key ids cause one request per cooldown, however many there are.
 */
export class JwksTokenKeys extends TokenKeys {
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  #withdrawals = 0;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #unknownAskedAtMs = Number.NEGATIVE_INFINITY;
  #failure: Failure | null = null;
  #fetching: Promise<void> | null = null;

  constructor(private readonly options: JwksTokenKeysOptions) {
    super();
  }

  get withdrawals(): number {
    return this.#withdrawals;
  }

  keepFresh(nowMs: number): void {
    if (nowMs - this.#fetchedAtMs > FRESH_MS) this.#refreshBehind();
  }

  find(keyId: string | null): KeyObject | null {
    if (keyId === null) return null;
    const ageMs = this.options.nowMs() - this.#fetchedAtMs;
    if (ageMs > this.options.staleMsMax) return null;
    this.keepFresh(this.options.nowMs());
    return this.#keys.get(keyId) ?? null;
  }

  async load(keyId: string | null): Promise<KeyObject> {
    if (keyId === null) throw unknownKey();
    const nowMs = this.options.nowMs();
    if (nowMs - this.#fetchedAtMs > this.options.staleMsMax) await this.#fetch();
    else if (!this.#keys.has(keyId)) await this.#askForUnknown(nowMs);
    const key = this.#keys.get(keyId);
    if (key === undefined) throw unknownKey();
    return key;
  }

  async #askForUnknown(nowMs: number): Promise<void> {
    // A fetch that is under way may bring the key: waiting for it costs no request.
    if (this.#fetching === null && nowMs - this.#unknownAskedAtMs < this.options.unknownKeyCooldownMs) return;
    if (this.#fetching === null) this.#unknownAskedAtMs = nowMs;
    try {
      await this.#fetch();
    } catch (error) {
      // Nobody was asked after all. Whether the key exists is not known, so this is no 401.
      this.#unknownAskedAtMs = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  #refreshBehind(): void {
    // The keys in hand are good until `staleMsMax`, and the failure is kept for those who need an answer.
    this.#fetch().catch(() => undefined);
  }

  async #fetch(): Promise<void> {
    const failure = this.#failure;
    if (failure !== null && this.options.nowMs() < failure.pauseUntilMs) throw failure.error;
    this.#fetching ??= this.#fetchNow().finally(() => {
      this.#fetching = null;
    });
    await this.#fetching;
  }

  async #fetchNow(): Promise<void> {
    try {
      const keys = parseJwks(await this.options.fetchJwks());
      if (keys === null || keys.size === 0) {
        throw new ClerkError('CLERK_UNAVAILABLE', 'Clerk answered with no key that can be used.');
      }
      if ([...this.#keys.keys()].some((keyId) => !keys.has(keyId))) this.#withdrawals += 1;
      this.#keys = keys;
      this.#fetchedAtMs = this.options.nowMs();
      this.#failure = null;
    } catch (cause) {
      const error =
        cause instanceof ClerkError
          ? cause
          : new ClerkError('CLERK_UNAVAILABLE', 'The keys of Clerk could not be fetched.', { cause });
      this.#failure = { error, pauseUntilMs: this.options.nowMs() + pauseMsAfter(error) };
      throw error;
    }
  }
}

function pauseMsAfter({ retryAfterSeconds = 0 }: ClerkError): number {
  return Math.min(ASKED_PAUSE_MS_MAX, Math.max(FAILURE_PAUSE_MS, retryAfterSeconds * 1_000));
}

function unknownKey(): ClerkError {
  return new ClerkError(
    'TOKEN_KEY_UNKNOWN',
    'The token is signed with a key that the configured Clerk instance does not have.',
  );
}
