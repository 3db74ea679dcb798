import { constants, type KeyObject, verify } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';
import { isRecord, type UnknownRecord } from '../unknown-record.js';

/** A session token is below 4 KiB, since it must fit into a cookie; custom claims leave room for twice that. */
const TOKEN_LENGTH_MAX = 8_192;

/** Headers by their text, as they were decoded before: a key has one, and all its tokens share it. */
export type KnownHeaders = ReadonlyMap<string, UnknownRecord>;

const NONE: KnownHeaders = new Map();

/** A token taken apart; nothing about it is proved yet. */
export interface CompactJws {
  /** The first part, as it came. */
  readonly headerPart: string;
  readonly header: UnknownRecord;
  readonly keyId: string | null;
  readonly claims: UnknownRecord;
  /** What the signature is over: the first two parts, as they came. */
  readonly signedPart: string;
  readonly signature: Buffer;
}

/**
 * Takes a compact JWS apart and checks what it claims to be.
 *
 * @throws ClerkError TOKEN_MALFORMED when it is not three parts of base64url that hold JSON objects and a signature
 * @throws ClerkError TOKEN_ALGORITHM_REJECTED for anything but RS256
 * @see https://www.rfc-editor.org/rfc/rfc7515 https://www.rfc-editor.org/rfc/rfc8725
 */
export function decodeJws(token: string, known: KnownHeaders = NONE): CompactJws {
  if (token.length > TOKEN_LENGTH_MAX) throw malformed(`must not exceed ${TOKEN_LENGTH_MAX} characters`);
  const headerEnd = token.indexOf('.');
  const payloadEnd = token.indexOf('.', headerEnd + 1);
  if (headerEnd < 0 || payloadEnd < 0 || token.includes('.', payloadEnd + 1)) {
    throw malformed('must have three parts');
  }
  const headerPart = token.slice(0, headerEnd);
  const header = known.get(headerPart) ?? decodeHeader(headerPart);
  const { kid } = header;
  return {
    headerPart,
    header,
    keyId: typeof kid === 'string' && kid !== '' ? kid : null,
    claims: decodeJson(token.slice(headerEnd + 1, payloadEnd)),
    signedPart: token.slice(0, payloadEnd),
    signature: decodeBase64Url(token.slice(payloadEnd + 1)),
  };
}

/**
 * What is signed is the text of the first two parts: where the signature is good, that text is what Clerk wrote. Only where it is
 * not does it matter whether the text is canonical base64url at all.
 *
 * @throws ClerkError TOKEN_SIGNATURE_INVALID, or TOKEN_MALFORMED when header or payload are no canonical base64url
 */
export function checkSignature(key: KeyObject, { signedPart, signature }: CompactJws): void {
  if (verify('sha256', Buffer.from(signedPart), { key, padding: constants.RSA_PKCS1_PADDING }, signature))
    return;
  for (const part of signedPart.split('.')) decodeBase64Url(part);
  throw new ClerkError('TOKEN_SIGNATURE_INVALID', 'The signature of the token is not valid.');
}

function decodeHeader(part: string): UnknownRecord {
  const header = decodeJson(part);
  checkAlgorithm(header);
  return header;
}

function checkAlgorithm(header: UnknownRecord): void {
  if (header['alg'] !== 'RS256') {
    throw new ClerkError(
      'TOKEN_ALGORITHM_REJECTED',
      'The token is not signed with RS256, the only algorithm that is accepted.',
    );
  }
  // RFC 7515, 4.1.11: what `crit` names must be understood, and we understand none.
  if ('crit' in header) throw malformed('has critical header fields that are not supported');
}

function decodeJson(part: string): UnknownRecord {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    // Not a copy: what `JSON.parse` makes of many tokens has one shape in memory, its copies have one each.
    if (isRecord(value)) return value;
  } catch {
    // Not JSON and not an object are the same mistake: answered below.
  }
  throw malformed('must hold JSON objects');
}

/** Refuses every spelling but the canonical one: padding, other alphabets, and bits that decode to nothing. */
function decodeBase64Url(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (part === '' || bytes.toString('base64url') !== part) throw malformed('must be base64url');
  return bytes;
}

function malformed(expectation: string): ClerkError {
  return new ClerkError('TOKEN_MALFORMED', `The token ${expectation}.`);
}
