import { ClerkError, type CredentialErrorCode } from '../clerk-error.js';
import type { UnknownRecord } from '../unknown-record.js';

/** Between which moments a token is good. */
export interface TokenTimes {
  /** Unix time, milliseconds. */
  readonly expiresAtMs: number;
  /** Unix time, milliseconds; 0 when the token does not say. */
  readonly notBeforeMs: number;
  /** Unix time, seconds, by Clerk's clock. */
  readonly issuedAtSeconds: number;
}

/**
 * @throws ClerkError TOKEN_CLAIM_INVALID, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, TOKEN_ISSUED_IN_FUTURE
 * @see https://www.rfc-editor.org/rfc/rfc7519#section-4.1
 */
export function checkTimes(claims: UnknownRecord, skewMs: number, nowMs: number): TokenTimes {
  const expiresAtMs = seconds(claims, 'exp') * 1_000;
  const issuedAtSeconds = seconds(claims, 'iat');
  const notBeforeMs = claims['nbf'] === undefined ? 0 : seconds(claims, 'nbf') * 1_000;
  if (expiresAtMs <= nowMs - skewMs) throw refused('TOKEN_EXPIRED', 'has expired; get a new one');
  if (notBeforeMs > nowMs + skewMs) throw refused('TOKEN_NOT_YET_VALID', 'is not valid yet');
  if (issuedAtSeconds * 1_000 > nowMs + skewMs) {
    throw refused('TOKEN_ISSUED_IN_FUTURE', 'was issued in the future; check the clock of this machine');
  }
  return { expiresAtMs, issuedAtSeconds, notBeforeMs };
}

/** RFC 7519 NumericDate: seconds, fractions allowed. Beyond the year 9999 it is no time. */
function seconds(claims: UnknownRecord, name: string): number {
  const value = claims[name];
  if (typeof value !== 'number' || !(value >= 0 && value < 253_402_300_800)) throw invalidClaim(name);
  return value;
}

/** A claim as text that is not empty. @throws ClerkError TOKEN_CLAIM_INVALID */
export function textClaim(claims: UnknownRecord, name: string): string {
  const value = claims[name];
  if (typeof value !== 'string' || value === '') throw invalidClaim(name);
  return value;
}

export function invalidClaim(name: string): ClerkError {
  return new ClerkError('TOKEN_CLAIM_INVALID', `The token's claim ${name} is missing or malformed.`);
}

export function refused(code: CredentialErrorCode, what: string): ClerkError {
  return new ClerkError(code, `The token ${what}.`);
}
