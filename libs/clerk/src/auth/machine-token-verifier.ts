import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';
import { SingleFlight } from '../single-flight.js';
import type { MachineAuth } from './auth.js';
import { KeptAnswers } from './kept-answers.js';
import { digestOf } from './verified-tokens.js';

type MachineTokenType = MachineAuth['tokenType'];

/** What Clerk says of a token. */
export type VerifiedMachine = Omit<MachineAuth, 'instance' | 'expiresAtMs'>;

/** https://clerk.com/docs/guides/development/machine-auth/overview */
const TYPE_BY_PREFIX: Readonly<Record<string, MachineTokenType>> = {
  ak_: 'api_key',
  mt_: 'm2m_token',
  oat_: 'oauth_token',
};
const TOKEN = /^(?:ak|mt|oat)_[A-Za-z0-9_-]{16,1024}$/;
/** Questions to Clerk a second about tokens that are not known: invented ones must not use up what Clerk allows us. */
const ASKED_PER_SECOND_MAX = 50;
/** Each verification is billed; a revoked token is refused after this at the latest. */
const KEPT_MS = 60_000;
/** Refusals are billed as well; a key that Clerk knows only now is taken after this at the latest. */
const REFUSED_MS = 10_000;
/** How Clerk says that a token is not good, whatever the reason. */
const REFUSALS: ReadonlySet<ClerkErrorCode> = new Set([
  'CLERK_RESOURCE_NOT_FOUND',
  'CLERK_REQUEST_INVALID',
  'MACHINE_TOKEN_INVALID',
]);

/** The kind of an opaque machine token by its prefix; null for a session token. */
export function machineTokenType(token: string): MachineTokenType | null {
  const prefix = /^(?:ak|mt|oat)_/.exec(token)?.[0];
  return prefix === undefined ? null : (TYPE_BY_PREFIX[prefix] ?? null);
}

export interface MachineTokenVerifierParts {
  /** Asks Clerk. @throws ClerkError */
  readonly verify: (tokenType: MachineTokenType, token: string) => Promise<VerifiedMachine>;
  /** Whether whom the token stands for may come in, known or not: asked every time, without I/O. @throws ClerkError when not */
  readonly checkSubject: (subject: string) => void;
  /** Name of the Clerk instance, for whoever reads the result. */
  readonly instance: string;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** Verifies opaque machine tokens with Clerk, one call for each token and minute (refused: 10 s), however many requests bring it. */
export class MachineTokenVerifier {
  readonly #kept: KeptAnswers<MachineAuth>;
  readonly #refused: KeptAnswers<true>;
  #asked = { second: 0, count: 0 };
  readonly #underWay = new SingleFlight<MachineAuth>();

  constructor(private readonly parts: MachineTokenVerifierParts) {
    const { nowMs } = parts;
    this.#kept = new KeptAnswers({ keptMs: KEPT_MS, nowMs });
    // Apart from the good ones: a flood of invented tokens puts none of those out.
    this.#refused = new KeptAnswers({ keptMs: REFUSED_MS, nowMs });
  }

  /**
   * @throws ClerkError MACHINE_TOKEN_INVALID when Clerk refuses the token, or it has not the form of one
   * @throws ClerkError whatever `checkSubject` throws
   * @throws ClerkError CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED when Clerk cannot be asked
   */
  verify(tokenType: MachineTokenType, token: string): MachineAuth | Promise<MachineAuth> {
    if (!TOKEN.test(token)) throw invalid();
    const digest = digestOf(token);
    const kept = this.#kept.get(digest);
    if (kept !== undefined) return this.#admit(kept);
    if (this.#refused.get(digest) === true) throw invalid();
    // The check comes last: whom it refuses today Clerk may know all the same, and is not asked about again.
    return this.#underWay.run(digest, async () => this.#admit(await this.#ask({ tokenType, token, digest })));
  }

  /** @throws ClerkError CLERK_RATE_LIMITED when this second's questions are used up */
  #countQuestion(): void {
    const second = Math.floor(this.parts.nowMs() / 1_000);
    if (this.#asked.second !== second) this.#asked = { second, count: 0 };
    this.#asked.count += 1;
    if (this.#asked.count <= ASKED_PER_SECOND_MAX) return;
    throw new ClerkError('CLERK_RATE_LIMITED', 'Too many unknown machine tokens at once.', {
      retryAfterSeconds: 1,
    });
  }

  async #ask(question: { tokenType: MachineTokenType; token: string; digest: string }): Promise<MachineAuth> {
    this.#countQuestion();
    try {
      const verified = await this.parts.verify(question.tokenType, question.token);
      const auth = Object.freeze({ ...verified, instance: this.parts.instance, expiresAtMs: null });
      this.#kept.set(question.digest, auth);
      return auth;
    } catch (cause) {
      if (!(cause instanceof ClerkError && REFUSALS.has(cause.code))) throw cause;
      this.#refused.set(question.digest, true);
      throw invalid(cause);
    }
  }

  #admit(auth: MachineAuth): MachineAuth {
    this.parts.checkSubject(auth.subject);
    return auth;
  }
}

function invalid(cause?: unknown): ClerkError {
  return new ClerkError('MACHINE_TOKEN_INVALID', 'Clerk does not accept the machine token.', { cause });
}
