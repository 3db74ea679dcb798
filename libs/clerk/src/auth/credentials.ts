import { ClerkError } from '../clerk-error.js';
import { bearerToken } from './bearer-token.js';
import { checkOrigin, sessionCookie, type SessionCookieRules } from './session-cookie.js';
import type { CredentialHeaders } from './transports/transport.js';

/** A token that somebody sent; nothing about it is proved yet. */
export interface Credentials {
  readonly token: string;
  readonly source: 'authorization' | 'cookie';
}

/**
 * What a request brings to prove who sends it: the `Authorization` header, else the session cookie where that is enabled. A bad
 * header is not made good by a cookie.
 *
 * @throws ClerkError TOKEN_MISSING, TOKEN_MALFORMED
 * @throws ClerkError TOKEN_PARTY_REJECTED when a page of a foreign origin made a browser send the cookie
 */
export function readCredentials(headers: CredentialHeaders, cookies: SessionCookieRules | null): Credentials {
  const { authorization } = headers;
  const cookie = authorization === undefined ? cookieIn(headers, cookies) : undefined;
  if (cookie === undefined) return { token: bearerToken(authorization), source: 'authorization' };
  checkOrigin(headers, cookies?.origins ?? []);
  return { token: cookie, source: 'cookie' };
}

/** Whether a request tries to prove anything at all. */
export function hasCredentials(headers: CredentialHeaders, cookies: SessionCookieRules | null): boolean {
  if (headers['authorization'] !== undefined) return true;
  try {
    return cookieIn(headers, cookies) !== undefined;
  } catch (error) {
    // Too many of them: a try, and a bad one.
    if (error instanceof ClerkError) return true;
    throw error;
  }
}

function cookieIn(headers: CredentialHeaders, cookies: SessionCookieRules | null): string | undefined {
  return cookies === null ? undefined : sessionCookie(headers, cookies.names);
}
