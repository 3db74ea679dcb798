import { ClerkError } from '../clerk-error.js';

/** How nearly every request writes it. */
const USUAL_SCHEME = 'Bearer ';

/** RFC 6750, 2.1: the scheme in any case, then the token. The set is wide enough for every token that Clerk issues. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/**
 * The token in an `Authorization` header.
 *
 * @throws ClerkError TOKEN_MISSING when there is no header, or it has another scheme
 * @throws ClerkError TOKEN_MALFORMED when there are several, or what follows `Bearer` is no token
 */
export function bearerToken(header: string | string[] | undefined): string {
  if (header === undefined || header === '') throw missing();
  // No need to look at each character: whoever takes the token apart refuses what has no place in it.
  if (isUsual(header)) return header.slice(USUAL_SCHEME.length);
  const token = typeof header === 'string' ? BEARER.exec(header)?.[1] : undefined;
  if (token !== undefined) return token;
  if (typeof header === 'string' && !/^bearer\b/i.test(header)) throw missing();
  throw new ClerkError('TOKEN_MALFORMED', 'The Authorization header must be `Bearer` and one token.');
}

function isUsual(header: string | string[]): header is string {
  if (typeof header !== 'string' || !header.startsWith(USUAL_SCHEME)) return false;
  return header.length > USUAL_SCHEME.length && !header.includes(' ', USUAL_SCHEME.length);
}

function missing(): ClerkError {
  return new ClerkError('TOKEN_MISSING', 'Send `Authorization: Bearer` with a session token.');
}
