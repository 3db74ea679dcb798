import { createHmac, timingSafeEqual } from 'node:crypto';

import { ClerkError } from '../clerk-error.js';

/** Names in any case, as Node, Nest or a `Headers` object spread into a record give them. */
export type WebhookHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface SignedRequest {
  /** Exactly what came over the wire: a body that was parsed and written again does not verify. */
  readonly rawBody: Uint8Array;
  readonly headers: WebhookHeaders;
}

export interface VerifiedHeaders {
  /** `svix-id`: the same on every attempt. */
  readonly id: string;
  /** When this attempt was sent. Unix time, milliseconds. */
  readonly timestampMs: number;
}

/** An attempt is signed when it is sent, so a retry of yesterday's event still passes. https://docs.svix.com/receiving/verifying-payloads/how-manual */
const TOLERANCE_MS = 300_000;

/** A sender that rotates signs with up to 11 secrets at once; more is somebody making us work. */
const SIGNATURES_EXAMINED_MAX = 16;

/**
 * Checks that a request was signed with one of `keys` (see `decodeWebhookSecret`) within five minutes of `nowMs`.
 *
 * The time is judged after the signature: only who holds a secret learns what our clock says, and "out of tolerance"
 * always means a clock that is wrong or a captured request, never noise.
 *
 * @throws ClerkError WEBHOOK_HEADERS_INVALID when the id, timestamp or signature header is missing, repeated or malformed
 * @throws ClerkError WEBHOOK_SIGNATURE_INVALID when no `v1` signature matches any key
 * @throws ClerkError WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE when the signature is right but too old, or from the future
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function verifyWebhookSignature(
  request: SignedRequest,
  keys: readonly Buffer[],
  nowMs: number,
): VerifiedHeaders {
  const { id, timestamp, signatures } = readWebhookHeaders(request.headers);
  const candidates = signatures.split(' ', SIGNATURES_EXAMINED_MAX).flatMap(decodeSignature);
  const isSigned = keys.some((key) => {
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(request.rawBody).digest();
    return candidates.some((candidate) => timingSafeEqual(candidate, expected));
  });
  if (!isSigned) {
    throw new ClerkError(
      'WEBHOOK_SIGNATURE_INVALID',
      'No signature of the webhook matches a configured secret. Expected the signing secret of the endpoint that sent it and the untouched body.',
    );
  }
  const timestampMs = Number(timestamp) * 1_000;
  if (Math.abs(nowMs - timestampMs) > TOLERANCE_MS) {
    throw new ClerkError(
      'WEBHOOK_TIMESTAMP_OUT_OF_TOLERANCE',
      'The webhook is signed correctly but was sent more than 5 minutes from now. Check the clock of this machine.',
    );
  }
  return { id, timestampMs };
}

/** The key in a signing secret (`whsec_` and base64, the prefix optional); null when it is not one. */
export function decodeWebhookSecret(secret: string): Buffer | null {
  const encoded = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret;
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, 'base64') : null;
}

function decodeSignature(token: string): Buffer[] {
  if (!token.startsWith('v1,')) return [];
  const signature = Buffer.from(token.slice('v1,'.length), 'base64');
  return signature.length === 32 ? [signature] : [];
}

/**
 * What a signature is checked with. One family of names counts, never a mix of both: Svix's own first, the standard's otherwise.
 *
 * @throws ClerkError WEBHOOK_HEADERS_INVALID
 */
export function readWebhookHeaders(headers: WebhookHeaders): {
  readonly id: string;
  readonly timestamp: string;
  readonly signatures: string;
} {
  const family = header(headers, 'svix-id') === undefined ? 'webhook' : 'svix';
  const id = header(headers, `${family}-id`);
  const timestamp = header(headers, `${family}-timestamp`);
  const signatures = header(headers, `${family}-signature`);
  if (
    !matches(id, /^[\x21-\x7e]{1,256}$/) ||
    !matches(timestamp, /^\d{1,12}$/) ||
    !matches(signatures, /./)
  ) {
    throw new ClerkError(
      'WEBHOOK_HEADERS_INVALID',
      'A webhook header is missing or malformed. Expected svix-id, svix-timestamp (Unix seconds) and svix-signature, once each.',
    );
  }
  return { id, timestamp, signatures };
}

/** Node gives names in lower case, so the first look nearly always finds it. */
function header(headers: WebhookHeaders, name: string): string | string[] | undefined {
  if (Object.hasOwn(headers, name)) return headers[name];
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function matches(value: string | string[] | undefined, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}
