import type { IncomingMessage } from 'node:http';

import type { ByteBudget } from './byte-budget.js';
import { ClerkError } from '../clerk-error.js';
import { readWebhookHeaders } from './webhook-signature.js';

export interface RawBodyBounds {
  /** Largest body, bytes. */
  readonly bytesMax: number;
  /** Longest wait for the last byte, milliseconds. */
  readonly timeoutMs: number;
  /** For all bodies together. What is read stays taken; whoever has done with it gives it back. */
  readonly budget: ByteBudget;
}

export type RawBody =
  /** `heldBytes`: what is taken of the budget. */
  | { readonly outcome: 'read'; readonly bytes: Buffer; readonly heldBytes: number }
  | { readonly outcome: 'refused'; readonly error: ClerkError }
  /** The sender is gone: nobody is there to answer. */
  | { readonly outcome: 'aborted' };

/**
 * Reads the body of a request to its end, as it came. Resolves always; past a bound it stops listening at once. Of a request whose
 * headers say that it will be refused nothing is kept.
 */
export async function readRawBody(req: IncomingMessage, bounds: RawBodyBounds): Promise<RawBody> {
  const error = refusalOf(req, bounds);
  if (error === null) return readToEnd(req, bounds);
  req.on('error', () => undefined).resume();
  return { outcome: 'refused', error };
}

function refusalOf(req: IncomingMessage, { bytesMax }: RawBodyBounds): ClerkError | null {
  if (req.readableEnded) return bodyError('was read before it got here');
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity')
    return bodyError('must not be compressed');
  if (declaredBytesOf(req) > bytesMax) return tooLarge(bytesMax);
  try {
    readWebhookHeaders(req.headers);
    return null;
  } catch (error) {
    if (error instanceof ClerkError) return error;
    throw error;
  }
}

/** As it came: of `headers` it may be gone, so that no parser sees a body. */
function declaredBytesOf({ rawHeaders }: IncomingMessage): number {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && /^content-length$/i.test(name));
  return at === -1 ? 0 : Number(rawHeaders[at + 1]);
}

function readToEnd(req: IncomingMessage, { bytesMax, timeoutMs, budget }: RawBodyBounds): Promise<RawBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (body: RawBody) => {
      clearTimeout(timer);
      if (body.outcome !== 'read') budget.giveBack(bytes);
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      // Without a listener a late error of a stream that nobody reads would end the process.
      req.on('error', () => undefined);
      resolve(body);
    };
    const onData = (chunk: Buffer) => {
      if (bytes + chunk.length > bytesMax) return settle(refused(tooLarge(bytesMax)));
      if (!budget.take(chunk.length)) return settle(refused(tooMany()));
      bytes += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = () => settle({ outcome: 'read', bytes: Buffer.concat(chunks), heldBytes: bytes });
    const onGone = () => settle({ outcome: 'aborted' });
    const onTimeout = () => settle(refused(bodyError(`must arrive within ${timeoutMs} milliseconds`)));
    const timer = setTimeout(onTimeout, timeoutMs);
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function refused(error: ClerkError): RawBody {
  return { outcome: 'refused', error };
}

function bodyError(expectation: string): ClerkError {
  return new ClerkError('WEBHOOK_BODY_INVALID', `The webhook body ${expectation}.`);
}

export function tooLarge(bytesMax: number): ClerkError {
  return new ClerkError('WEBHOOK_TOO_LARGE', `The webhook body must not exceed ${bytesMax} bytes.`);
}

/** As when too much waits to be stored: Clerk sends it again. */
function tooMany(): ClerkError {
  return new ClerkError('DATABASE_UNAVAILABLE', 'Too many webhooks arrive at once.');
}
