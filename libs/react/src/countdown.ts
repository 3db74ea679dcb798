const SECOND_MS = 1_000;

/**
 * Counts whole seconds down to `endMs` (Unix time, milliseconds) by the clock, so that a computer that slept is not behind: `onTick`
 * is told what is left at once, and 0 at the end. Resolves at 0; one timer at a time.
 *
 * @throws the signal's reason when it is aborted
 */
export async function countDown(
  endMs: number,
  { onTick, signal }: { readonly onTick: (secondsLeft: number) => void; readonly signal: AbortSignal },
): Promise<void> {
  for (let leftMs = endMs - Date.now(); leftMs > 0; leftMs = endMs - Date.now()) {
    onTick(Math.ceil(leftMs / SECOND_MS));
    await sleep(leftMs % SECOND_MS || SECOND_MS, signal);
  }
  onTick(0);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    return signal.addEventListener('abort', abort, { once: true });
  });
}
