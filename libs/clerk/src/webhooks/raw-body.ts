import type { IncomingMessage } from 'node:http';

import { ClerkError } from '../clerk-error.js';

export interface RawBodyBounds {
  /** Largest body, bytes. */
  readonly bytesMax: number;
  /** Longest wait for the last byte, milliseconds. */
  readonly timeoutMs: number;
}

export type RawBody =
  | { readonly outcome: 'read'; readonly bytes: Buffer }
  | { readonly outcome: 'refused'; readonly error: ClerkError }
  /** The sender is gone: nobody is there to answer. */
  | { readonly outcome: 'aborted' };

/**
 * Reads the body of a request to its end, as it came. Resolves always; past a bound it stops listening at once.
 */
export function readRawBody(req: IncomingMessage, bounds: RawBodyBounds): Promise<RawBody> {
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    return Promise.resolve(refused('WEBHOOK_BODY_INVALID', 'must not be compressed'));
  if (req.readableEnded)
    return Promise.resolve(refused('WEBHOOK_BODY_INVALID', 'was read before it got here'));
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (body: RawBody) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      // Without a listener a late error of a stream that nobody reads would end the process.
      req.on('error', () => undefined);
      resolve(body);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bounds.bytesMax) chunks.push(chunk);
      else settle(refused('WEBHOOK_TOO_LARGE', `must not exceed ${bounds.bytesMax} bytes`));
    };
    const onEnd = () => settle({ outcome: 'read', bytes: Buffer.concat(chunks) });
    const onGone = () => settle({ outcome: 'aborted' });
    const onTimeout = () =>
      settle(refused('WEBHOOK_BODY_INVALID', `must arrive within ${bounds.timeoutMs} milliseconds`));
    const timer = setTimeout(onTimeout, bounds.timeoutMs);
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function refused(code: 'WEBHOOK_BODY_INVALID' | 'WEBHOOK_TOO_LARGE', expectation: string): RawBody {
  return { outcome: 'refused', error: new ClerkError(code, `The webhook body ${expectation}.`) };
}
