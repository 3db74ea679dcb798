import { withDeadline } from '../deadline.js';

/** Recorded for a delivery whose handlers took too long. */
export const HANDLER_TIMED_OUT = 'HANDLER_TIMED_OUT';

/** Work was given up because it took too long. */
export class HandlerTimeoutError extends Error {
  override readonly name = 'HandlerTimeoutError';
  readonly code = HANDLER_TIMED_OUT;
}

/**
 * Does `work`, with a signal that is aborted when it is given up.
 *
 * @throws HandlerTimeoutError after `msMax`, whether `work` heeds the signal or not
 */
export async function withinTime<T>(msMax: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  return withDeadline(work(limit.signal), msMax, () => {
    const error = new HandlerTimeoutError(`It was given up after ${msMax} ms.`);
    limit.abort(error);
    return error;
  });
}
