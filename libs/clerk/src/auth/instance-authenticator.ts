import { ClerkError } from '../clerk-error.js';
import type { Auth, TokenType } from './auth.js';
import { type Credentials, hasCredentials, readCredentials } from './credentials.js';
import { type MachineJwtType, type MachineJwtVerifier, machineJwtType } from './machine-jwt-verifier.js';
import { type MachineTokenVerifier, machineTokenType } from './machine-token-verifier.js';
import { type AuthenticationRequest, RequestAuthenticator } from './request-authenticator.js';
import type { Revocation } from './revocation.js';
import type { Revocations } from './revocations.js';
import type { SessionCookieRules } from './session-cookie.js';
import type { SessionTokenVerifier } from './session-token-verifier.js';

export interface InstanceAuthenticatorParts {
  /** Name of the registration. */
  readonly instance: string;
  readonly sessions: SessionTokenVerifier;
  readonly machines: MachineTokenVerifier;
  readonly machineJwts: MachineJwtVerifier;
  readonly revocations: Revocations;
  /** Null: cookies are not looked at. */
  readonly cookies: SessionCookieRules | null;
}

/** Authenticates against one Clerk instance. */
export class InstanceAuthenticator extends RequestAuthenticator {
  constructor(private readonly parts: InstanceAuthenticatorParts) {
    super();
  }

  get instances(): readonly string[] {
    return [this.parts.instance];
  }

  hasCredentials({ headers }: AuthenticationRequest): boolean {
    return hasCredentials(headers, this.parts.cookies);
  }

  authenticate({ headers, accepted, instance }: AuthenticationRequest): Auth | Promise<Auth> {
    if (instance !== null && instance !== this.parts.instance) {
      throw new ClerkError('OPTIONS_INVALID', `There is no Clerk instance named ${instance} here.`);
    }
    const credentials = readCredentials(headers, this.parts.cookies);
    const { token, source } = credentials;
    const opaqueType = source === 'cookie' ? null : machineTokenType(token);
    if (opaqueType !== null) {
      requireAccepted(opaqueType, accepted);
      return this.parts.machines.verify(opaqueType, token);
    }
    const jwtType = this.#machineJwtType(credentials, accepted);
    requireAccepted(jwtType ?? 'session_token', accepted);
    return jwtType === null
      ? this.parts.sessions.verify(token)
      : this.parts.machineJwts.verify(jwtType, token);
  }

  /** Looked at only where there is a choice: a browser's cookie holds a session token or nothing, and most routes take no other. */
  #machineJwtType({ token, source }: Credentials, accepted: readonly TokenType[]): MachineJwtType | null {
    const takesMachines = accepted.includes('m2m_token') || accepted.includes('oauth_token');
    if (source === 'cookie' || !takesMachines || this.parts.sessions.remembers(token)) return null;
    return machineJwtType(token);
  }

  /** The token that a request brings for this instance; nothing about it is proved. @throws ClerkError as `authenticate` */
  tokenIn({ headers }: AuthenticationRequest): string {
    return readCredentials(headers, this.parts.cookies).token;
  }

  /** Whether the token was verified here before. */
  remembers(token: string): boolean {
    return this.parts.sessions.remembers(token);
  }

  /** Whether the key that the token names is at hand: no I/O, and nothing proved yet. */
  hasKey(token: string): boolean {
    return this.parts.sessions.hasKey(token);
  }

  onRevoked(listener: (revocation: Revocation) => void): void {
    this.parts.revocations.onAdded(listener);
  }
}

function requireAccepted(tokenType: TokenType, accepted: readonly TokenType[]): void {
  if (accepted.includes(tokenType)) return;
  throw new ClerkError('TOKEN_TYPE_REJECTED', `Tokens of type ${tokenType} are not accepted here.`);
}
