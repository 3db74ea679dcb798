import { signatureHeaders } from './webhook-signature.js';

/** What became of one POST to an endpoint. */
export interface AttemptResult {
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  readonly outcome: 'delivered' | 'failed' | 'aborted' | 'disabled';
  readonly isOverload: boolean;
  readonly retryAfterSeconds: number | null;
}

export interface Attempt {
  readonly url: string;
  readonly secret: string;
  readonly messageId: string;
  readonly body: string;
  readonly nowMs: number;
  readonly timeoutMs: number;
}

/** Sends a message once: fresh timestamp and signature, redirects not followed, 2xx in time is success. */
export async function attemptDelivery(attempt: Attempt): Promise<AttemptResult> {
  const { messageId: id, body, nowMs } = attempt;
  const signed = signatureHeaders({ id, timestampSeconds: Math.floor(nowMs / 1000), body }, attempt.secret);
  try {
    const response = await fetch(attempt.url, {
      method: 'POST',
      body,
      headers: { ...signed, 'content-type': 'application/json', 'user-agent': 'Svix-Webhooks/sandbox' },
      redirect: 'manual',
      signal: AbortSignal.timeout(attempt.timeoutMs),
    });
    await response.body?.cancel();
    return toResult(response);
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError';
    return { status: null, outcome: 'failed', isOverload: isTimeout, retryAfterSeconds: null };
  }
}

/** `webhook-delivery` lets a receiver stop a message or itself. https://docs.svix.com/receiving/delivery-control */
function toResult(response: Response): AttemptResult {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    status: response.status,
    outcome: outcomeOf(response),
    isOverload: response.status === 429,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : null,
  };
}

function outcomeOf(response: Response): AttemptResult['outcome'] {
  const control = response.headers.get('webhook-delivery');
  if (control === 'disable' || response.status === 410) return 'disabled';
  if (response.ok) return 'delivered';
  return control === 'abort-message' ? 'aborted' : 'failed';
}
