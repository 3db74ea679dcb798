import { createHash } from 'node:crypto';

const CHARACTERS_MAX = 128;
const PLAIN = /^[\w.:@|/+=-]*$/;

/**
 * The principal as a part of a key: itself where it is short and plain, else its SHA-256 (43 characters, base64url) behind a `#`, which
 * no plain one has. So a principal of 10 kB takes no more room than any other, and none can leave the braces that it is put into.
 */
export function principalKey(principal: string): string {
  return principal.length <= CHARACTERS_MAX && PLAIN.test(principal) ? principal : digestOf(principal);
}

/** The same for a map in this process, where only the length matters: the two need not agree. */
export function principalMapKey(principal: string): string {
  return principal.length <= CHARACTERS_MAX ? principal : digestOf(principal);
}

function digestOf(principal: string): string {
  return `#${createHash('sha256').update(principal).digest('base64url')}`;
}
