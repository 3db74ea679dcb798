/** Where text may hold an escape that PostgreSQL refuses: a fast test before the exact one. */
const MAY_BE_UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

/** In the output of `JSON.stringify`: NUL, or half a surrogate pair (whole pairs are never escaped), after even backslashes. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/**
 * Parses JSON into a value that a `jsonb` or `text` column can hold: NUL and lone surrogates, in keys too, become U+FFFD.
 *
 * @throws SyntaxError when the text is not JSON
 * @see https://www.postgresql.org/docs/current/datatype-json.html
 */
export function parseStorableJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!MAY_BE_UNSTORABLE.test(text)) return value;
  return JSON.parse(JSON.stringify(value).replace(UNSTORABLE, '$1\ufffd'));
}

/** The value if it is text that is not empty, else null. */
export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The value if it is a Unix time in milliseconds that a database and a `Date` can hold (to the year 9999), else null. */
export function timeMsOrNull(value: unknown): number | null {
  const isTime = Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= 253_402_300_799_999;
  return isTime ? Number(value) : null;
}
