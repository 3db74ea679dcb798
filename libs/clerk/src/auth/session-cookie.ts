import { hash } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import type { CredentialHeaders } from './transports/transport.js';

/** Which cookies carry a session token, and which origins may make a browser send them. */
export interface SessionCookieRules {
  /** The first that is there counts. */
  readonly names: readonly string[];
  readonly origins: readonly string[];
}

/**
 * The names that Clerk's front end gives the cookie: with a suffix made from the publishable key, and without one.
 * Read in @clerk/shared 4.36.0, `getCookieSuffix`.
 */
export function sessionCookieNames(publishableKey: string | null): readonly string[] {
  if (publishableKey === null) return ['__session'];
  const suffix = hash('sha1', publishableKey, 'base64url').slice(0, 8);
  return [`__session_${suffix}`, '__session'];
}

/** The token in the session cookie; undefined when there is no such cookie. @throws ClerkError TOKEN_MALFORMED when there are several */
export function sessionCookie(headers: CredentialHeaders, names: readonly string[]): string | undefined {
  const pairs = [headers['cookie'] ?? []].flat().flatMap((line) => line.split(';'));
  for (const name of names) {
    const values = pairs.flatMap((pair) =>
      pair.trim().startsWith(`${name}=`) ? [pair.trim().slice(name.length + 1)] : [],
    );
    if (values.length > 1) {
      // A page on a neighbouring subdomain can plant a second one: which of them is the user's cannot be told.
      throw new ClerkError('TOKEN_MALFORMED', `There are several cookies named ${name}.`);
    }
    if (values[0] !== undefined && values[0] !== '') return values[0];
  }
  return undefined;
}

/**
 * A browser sends the cookie whoever makes it ask, and says who by `Origin`, on every WebSocket and on every request but a plain
 * GET. So a foreign origin is refused, whatever the token says.
 *
 * @throws ClerkError TOKEN_PARTY_REJECTED
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export function checkOrigin(headers: CredentialHeaders, origins: readonly string[]): void {
  const { origin } = headers;
  if (origin === undefined || (typeof origin === 'string' && origins.includes(origin))) return;
  throw new ClerkError(
    'TOKEN_PARTY_REJECTED',
    'The session cookie was sent by a page of an origin that is not one of authorizedParties.',
  );
}
