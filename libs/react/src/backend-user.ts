import type { BackendClient } from './backend-client.js';
import { BackendError } from './backend-error.js';
import { isRecord } from './is-record.js';
import { parseJson } from './problem-error.js';
import { sendInTurn } from './send-in-turn.js';

const ANSWER_MS_MAX = 15_000;

/** The signed-in user as the service knows him. Times: ISO 8601. */
export interface BackendUser {
  readonly id: string;
  readonly clerk_id: string;
  readonly email: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly username: string | null;
  readonly image_url: string | null;
  readonly is_active: boolean;
  readonly tier: 'FREE' | 'PRO' | 'ENTERPRISE';
  /** Clerk's public metadata. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  readonly updated_at: string;
}

/**
 * The user in the service's database. One who is not there is synced from Clerk, once. 429: waits, as `sendInTurn` does.
 *
 * @throws BackendError, the signal's reason
 */
export async function loadBackendUser(client: BackendClient, signal: AbortSignal): Promise<BackendUser> {
  const ask = (method: 'GET' | 'POST', path: string) => {
    const request = { method, path, accept: 'application/json', timeoutMs: ANSWER_MS_MAX, signal } as const;
    const send = () => client.send(request, (response) => readUser(response, client.userId));
    return sendInTurn(send, { signal, onWait: () => undefined });
  };
  try {
    return await ask('GET', '/api/users/me');
  } catch (error) {
    if (!(error instanceof BackendError && error.status === 404)) throw error;
    return ask('POST', '/api/users/sync');
  }
}

async function readUser(response: Response, userId: string): Promise<BackendUser> {
  const body = parseJson(await response.text());
  const user = isRecord(body) ? body['user'] : undefined;
  if (!isBackendUser(user) || user.clerk_id !== userId) {
    throw new BackendError('ANSWER_MALFORMED', { status: response.status });
  }
  return user;
}

/** That it is a user at all: the rest is the service's own contract. */
function isBackendUser(value: unknown): value is BackendUser {
  return isRecord(value) && typeof value['id'] === 'string' && typeof value['tier'] === 'string';
}
