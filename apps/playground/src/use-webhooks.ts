import { useEffect, useState } from 'react';

import { type ListedWebhook, playgroundApi } from './playground-api.js';

const LOOK_EVERY_MS = 1_000;

export interface Webhooks {
  /** Newest first. */
  readonly webhooks: readonly ListedWebhook[];
  /** When they were looked at. Unix time, milliseconds. */
  readonly seenAtMs: number;
  readonly isLost: boolean;
}

/** The webhooks, looked at every second while the page is to be seen. */
export function useWebhooks(): Webhooks {
  const [state, setState] = useState<Webhooks>({ webhooks: [], seenAtMs: 0, isLost: false });
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        if (!document.hidden) {
          const webhooks = await playgroundApi.webhooks(abort.signal);
          setState({ webhooks, seenAtMs: Date.now(), isLost: false });
        }
      } catch {
        // The page says so, and looks again.
        if (!abort.signal.aborted) setState((last) => ({ ...last, isLost: true }));
      }
      if (!abort.signal.aborted) timer = setTimeout(() => void look(), LOOK_EVERY_MS);
    };
    void look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, []);
  return state;
}
