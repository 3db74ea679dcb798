import { BackendError } from './backend-error.js';
import { countDown } from './countdown.js';

/** A longer wait is the user's to decide. */
const WAIT_SECONDS_MAX = 60;

/**
 * Sends; where the service says 429 and `Retry-After` up to 60 s, waits that long and sends once more. `onWait` hears the seconds
 * that are left, down to 0.
 *
 * @throws BackendError of the second answer, or of the first where there is no second
 * @throws the signal's reason when it is aborted
 */
export async function sendInTurn<T>(
  send: () => Promise<T>,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: (secondsLeft: number) => void },
): Promise<T> {
  try {
    return await send();
  } catch (error) {
    const seconds = error instanceof BackendError && error.status === 429 ? error.retryAfterSeconds : null;
    if (seconds === null || seconds > WAIT_SECONDS_MAX) throw error;
    await countDown(Date.now() + seconds * 1_000, { onTick: onWait, signal });
    return send();
  }
}
