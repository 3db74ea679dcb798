/** A user of the offline Clerk. */
export interface SeededUser {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
}

/** As the service lists it. */
export interface ListedWebhook {
  readonly id: string;
  readonly type: string;
  /** Unix time, milliseconds. */
  readonly sent_at_ms: number;
  readonly deliveries: readonly (number | null)[];
  readonly inbox: {
    readonly status: string;
    readonly attempts: number;
    readonly last_error: string | null;
  } | null;
}

/** What the development-only routes of the service answer: they are of one build with this page. @throws Error */
export const playgroundApi = {
  users: (signal: AbortSignal) => ask<SeededUser[]>('GET', 'users', { signal }),
  signIn: (userId: string) =>
    ask<{ session_id: string; token: string }>('POST', 'sessions', { body: { user_id: userId } }),
  token: (sessionId: string) => ask<{ token: string }>('POST', `sessions/${sessionId}/token`),
  signOut: (sessionId: string) => ask<undefined>('DELETE', `sessions/${sessionId}`),
  webhooks: (signal: AbortSignal) => ask<ListedWebhook[]>('GET', 'webhooks', { signal }),
  sendFailing: (userId: string) =>
    ask<{ id: string }>('POST', 'webhooks/failing', { body: { user_id: userId } }),
  replay: (id: string) => ask<{ id: string }>('POST', `webhooks/${id}/replay`),
};

async function ask<T>(
  method: string,
  path: string,
  { body, signal = AbortSignal.timeout(10_000) }: { body?: object; signal?: AbortSignal } = {},
): Promise<T> {
  const response = await fetch(`/playground/${path}`, {
    method,
    signal,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`The service answered ${response.status}.`);
  // Both ends are built together.
  return (response.status === 204 ? undefined : await response.json()) as T;
}
