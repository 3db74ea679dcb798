import { constants, type KeyObject, verify } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';

export type Json = Readonly<Record<string, unknown>>;

/** A session token is below 4 KiB, since it must fit into a cookie; custom claims leave room for twice that. */
const TOKEN_LENGTH_MAX = 8_192;

/** A token taken apart; nothing about it is proved yet. */
export interface CompactJws {
  readonly header: Json;
  readonly keyId: string | null;
  readonly claims: Json;
  /** What the signature is over: the first two parts, as they came. */
  readonly signedPart: string;
  readonly signature: Buffer;
}

/**
 * Takes a compact JWS apart and checks everything that can be checked without a key.
 *
 * @throws ClerkError TOKEN_MALFORMED when it is not three parts of canonical base64url that hold JSON objects
 * @throws ClerkError TOKEN_ALGORITHM_REJECTED for anything but RS256
 * @see https://www.rfc-editor.org/rfc/rfc7515 https://www.rfc-editor.org/rfc/rfc8725
 */
export function decodeJws(token: string): CompactJws {
  if (token.length > TOKEN_LENGTH_MAX) throw malformed(`must not exceed ${TOKEN_LENGTH_MAX} characters`);
  const [head, payload, signature, ...rest] = token.split('.');
  if (head === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw malformed('must have three parts');
  }
  const header = decodeJson(head);
  checkAlgorithm(header);
  const { kid } = header;
  return {
    header,
    keyId: typeof kid === 'string' && kid !== '' ? kid : null,
    claims: decodeJson(payload),
    signedPart: token.slice(0, head.length + 1 + payload.length),
    signature: decodeBase64Url(signature),
  };
}

/** @throws ClerkError TOKEN_SIGNATURE_INVALID */
export function checkSignature(key: KeyObject, { signedPart, signature }: CompactJws): void {
  if (verify('sha256', Buffer.from(signedPart), { key, padding: constants.RSA_PKCS1_PADDING }, signature))
    return;
  throw new ClerkError('TOKEN_SIGNATURE_INVALID', 'The signature of the token is not valid.');
}

function checkAlgorithm(header: Json): void {
  if (header['alg'] !== 'RS256') {
    throw new ClerkError(
      'TOKEN_ALGORITHM_REJECTED',
      'The token is not signed with RS256, the only algorithm that is accepted.',
    );
  }
  // RFC 7515, 4.1.11: what `crit` names must be understood, and we understand none.
  if ('crit' in header) throw malformed('has critical header fields that are not supported');
}

function decodeJson(part: string): Json {
  try {
    const value: unknown = JSON.parse(decodeBase64Url(part).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    if (error instanceof ClerkError) throw error;
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
