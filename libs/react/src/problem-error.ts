import { BackendError } from './backend-error.js';
import { isRecord } from './is-record.js';
import { retryAfterSeconds } from './retry-after.js';

/** The error that a refusal stands for: its code is the problem's (RFC 9457), else ANSWER_MALFORMED. */
export async function problemError(response: Response): Promise<BackendError> {
  const { status, headers } = response;
  const facts = { status, retryAfterSeconds: retryAfterSeconds(headers.get('retry-after'), Date.now()) };
  const isProblem = headers.get('content-type')?.startsWith('application/problem+json') ?? false;
  if (!isProblem) {
    await response.body?.cancel();
    return new BackendError('ANSWER_MALFORMED', facts);
  }
  const problem = parseJson(await response.text());
  const code =
    isRecord(problem) && typeof problem['code'] === 'string' ? problem['code'] : 'ANSWER_MALFORMED';
  return new BackendError(code, facts);
}

/** What the text says in JSON; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever reads the value sees that it has not the shape that is wanted.
    return undefined;
  }
}
