import { isRecord } from './is-record.js';
import { parseJson } from './problem-error.js';

/** Whom a session token stands for, unverified; null where it cannot be read. */
export function tokenSubject(token: string): string | null {
  const [, payload = ''] = token.split('.');
  const claims = parseJson(decodeBase64Url(payload));
  return isRecord(claims) && typeof claims['sub'] === 'string' ? claims['sub'] : null;
}

function decodeBase64Url(text: string): string {
  try {
    return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  } catch {
    // What is not base64 is no payload.
    return '';
  }
}
