import { ClerkError } from '../clerk-error.js';
import { type CompactJws, decodeJws, type KnownHeaders } from './compact-jws.js';

/** Values of the `cat` header. Read in @clerk/backend 3.20.1, src/tokens/jwtCategories.ts. */
const SESSION_CATEGORY = 'cl_B7d4PD111AAA';

/**
 * Takes a session token apart.
 *
 * @throws ClerkError TOKEN_MALFORMED, TOKEN_ALGORITHM_REJECTED when it is no JWS signed with RS256
 * @throws ClerkError TOKEN_TYPE_REJECTED for a token of another kind: JWT template, machine or OAuth token
 */
export function decodeSessionToken(token: string, known?: KnownHeaders): CompactJws {
  const jws = decodeJws(token, known);
  const { typ = 'JWT', cat = SESSION_CATEGORY } = jws.header;
  if (typ !== 'JWT' || cat !== SESSION_CATEGORY) throw wrongType();
  return jws;
}

export function wrongType(): ClerkError {
  return new ClerkError(
    'TOKEN_TYPE_REJECTED',
    'The token is not a session token. Send the token that `getToken()` gives without a template.',
  );
}
