import type { Auth } from '../auth/auth.js';
import type { InstanceAuthenticator } from '../auth/instance-authenticator.js';
import { type AuthenticationRequest, RequestAuthenticator } from '../auth/request-authenticator.js';
import type { Revocation } from '../auth/revocation.js';
import { ClerkError } from '../clerk-error.js';
import { chooseInstance, type InstanceChoice } from './instance-choice.js';

interface Candidate {
  readonly authenticator: InstanceAuthenticator;
  readonly token: string;
}

export interface ChoosingAuthenticatorParts {
  /** By the names of their instances. */
  readonly authenticators: ReadonlyMap<string, InstanceAuthenticator>;
  readonly choice: InstanceChoice;
}

/** Authenticates against one of several Clerk instances: the one that the route names, that headers choose, or that verifies the token. */
export class ChoosingAuthenticator extends RequestAuthenticator {
  readonly #all: readonly InstanceAuthenticator[];

  constructor(private readonly parts: ChoosingAuthenticatorParts) {
    super();
    this.#all = [...parts.authenticators.values()];
  }

  get instances(): readonly string[] {
    return [...this.parts.authenticators.keys()];
  }

  hasCredentials(request: AuthenticationRequest): boolean {
    return this.#all.some((authenticator) => authenticator.hasCredentials(request));
  }

  authenticate(request: AuthenticationRequest): Auth | Promise<Auth> {
    // Who brings nothing is told so, whatever he asked for.
    if (!this.hasCredentials(request))
      throw new ClerkError('TOKEN_MISSING', 'Send `Authorization: Bearer` with a session token.');
    const name = request.instance ?? chooseInstance(this.parts.choice, request.headers);
    if (name === null) return this.#byIssuer(request);
    const authenticator = this.parts.authenticators.get(name);
    if (authenticator !== undefined) return authenticator.authenticate(request);
    throw new ClerkError('OPTIONS_INVALID', `There is no Clerk instance named ${name}.`);
  }

  onRevoked(listener: (revocation: Revocation) => void): void {
    for (const authenticator of this.#all) authenticator.onRevoked(listener);
  }

  /** Whoever has verified the token before, then whoever has the key that it names, then everybody in turn. */
  #byIssuer(request: AuthenticationRequest): Auth | Promise<Auth> {
    const candidates = this.#candidates(request);
    // With cookies of several instances, who has been here before must not decide who it is now.
    const isOneToken = new Set(candidates.map(({ token }) => token)).size === 1;
    const remembers = isOneToken
      ? candidates.find(({ authenticator, token }) => authenticator.remembers(token))
      : undefined;
    return remembers?.authenticator.authenticate(request) ?? this.#inTurn(request, candidates);
  }

  /** Those whom the request brings a token for: each may have a cookie of its own. @throws ClerkError when it brings none */
  #candidates(request: AuthenticationRequest): readonly Candidate[] {
    const refusals: ClerkError[] = [];
    const candidates = this.#all.flatMap((authenticator): Candidate[] => {
      try {
        return [{ authenticator, token: authenticator.tokenIn(request) }];
      } catch (error) {
        if (!(error instanceof ClerkError)) throw error;
        refusals.push(error);
        return [];
      }
    });
    if (candidates.length > 0) return candidates;
    throw refusals.find(({ code }) => code !== 'TOKEN_MISSING') ?? worstOf(refusals);
  }

  async #inTurn(request: AuthenticationRequest, candidates: readonly Candidate[]): Promise<Auth> {
    // A machine token names no issuer: who should be asked, the route has to say.
    const accepted = request.accepted.filter((tokenType) => tokenType === 'session_token');
    const holders = candidates.filter(({ authenticator, token }) => authenticator.hasKey(token));
    const others = candidates.filter((candidate) => !holders.includes(candidate));
    const refusals: ClerkError[] = [];
    for (const { authenticator } of [...holders, ...others]) {
      try {
        return await authenticator.authenticate({ ...request, accepted });
      } catch (error) {
        if (!(error instanceof ClerkError) || !ANOTHERS.has(error.code)) throw error;
        refusals.push(error);
      }
    }
    throw worstOf(refusals);
  }
}

/** What an instance says of a token that may be another's, or that cannot be told now. */
const ANOTHERS: ReadonlySet<string> = new Set([
  'TOKEN_KEY_UNKNOWN',
  'TOKEN_SIGNATURE_INVALID',
  'TOKEN_ISSUER_REJECTED',
  'CLERK_UNAVAILABLE',
  'CLERK_RATE_LIMITED',
  'CLERK_SECRET_KEY_REJECTED',
]);

/** As long as one instance cannot answer, the token may be good: that is no 401. */
function worstOf(refusals: readonly ClerkError[]): ClerkError {
  const [first] = refusals;
  const unanswered = refusals.find(({ code }) => code.startsWith('CLERK_'));
  return (
    unanswered ??
    first ??
    new ClerkError('TOKEN_KEY_UNKNOWN', 'There is no Clerk instance to verify the token.')
  );
}
