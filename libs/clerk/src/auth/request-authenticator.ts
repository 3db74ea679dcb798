import type { Auth, TokenType } from './auth.js';
import type { Revocation } from './revocation.js';
import type { CredentialHeaders } from './transports/transport.js';

export interface AuthenticationRequest {
  /** Names in lower case. `authorization` and, where enabled, `cookie` and `origin` are read. */
  readonly headers: CredentialHeaders;
  /** Kinds of token that are taken. */
  readonly accepted: readonly TokenType[];
  /** Name of the Clerk instance that has to prove it; null leaves the choice to the configuration. */
  readonly instance: string | null;
}

/** Proves who sends a request. The guard is a thin door to it; a guard of your own may be another. */
export abstract class RequestAuthenticator {
  /** Names of the Clerk instances that can prove a request. */
  abstract readonly instances: readonly string[];

  /** Whether the request tries to prove anything at all. */
  abstract hasCredentials(request: AuthenticationRequest): boolean;

  /**
   * Who a request comes from. No promise when nothing has to be waited for. A machine token that is not accepted is refused
   * before anything is spent on it.
   *
   * @throws ClerkError TOKEN_*, SESSION_*, MACHINE_TOKEN_INVALID, USER_DELETED when the credentials are bad
   * @throws ClerkError TOKEN_TYPE_REJECTED when the token is of a kind that is not in `accepted`
   * @throws ClerkError CLERK_UNAVAILABLE, CLERK_RATE_LIMITED, CLERK_SECRET_KEY_REJECTED when it cannot be told now
   */
  abstract authenticate(request: AuthenticationRequest): Auth | Promise<Auth>;

  /** Calls back for each revocation that becomes known here, from the moment on when it is in force. */
  abstract onRevoked(listener: (revocation: Revocation) => void): void;
}
