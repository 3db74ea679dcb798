import { Injectable } from '@nestjs/common';

import type { Auth, TokenType } from './auth.js';
import { bearerToken } from './bearer-token.js';
import { ClerkError } from '../clerk-error.js';
import { MachineTokenVerifier, machineTokenType } from './machine-token-verifier.js';
import { SessionTokenVerifier } from './session-token-verifier.js';

/** Proves who sends a request. The guard is a thin door to it; a guard of your own may be another. */
@Injectable()
export class RequestAuthenticator {
  constructor(
    private readonly sessions: SessionTokenVerifier,
    private readonly machines: MachineTokenVerifier,
  ) {}

  /**
   * Who a token stands for. No promise when nothing has to be waited for. A machine token that is not accepted is refused
   * before anything is spent on it.
   *
   * @throws ClerkError see `SessionTokenVerifier.verify` and `MachineTokenVerifier.verify`
   * @throws ClerkError TOKEN_TYPE_REJECTED when the token is of a kind that is not in `accepted`
   */
  authenticate(
    authorization: string | string[] | undefined,
    accepted: readonly TokenType[],
  ): Auth | Promise<Auth> {
    const token = bearerToken(authorization);
    const tokenType = machineTokenType(token) ?? 'session_token';
    if (!accepted.includes(tokenType)) {
      throw new ClerkError('TOKEN_TYPE_REJECTED', `Tokens of type ${tokenType} are not accepted here.`);
    }
    return tokenType === 'session_token'
      ? this.sessions.verify(token)
      : this.machines.verify(tokenType, token);
  }
}
