/** In the output of `JSON.stringify`: NUL, or half a surrogate pair (whole pairs are never escaped), after even backslashes. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/**
 * Clerk's own objects have some ten levels. Metadata that a user writes about himself may have thousands, which end the stack of
 * whatever reads them: `JSON.stringify`, and PostgreSQL.
 */
const LEVELS_MAX = 100;

/**
 * Parses JSON into a value that a `jsonb` or `text` column can hold: NUL and lone surrogates, in keys too, become U+FFFD, and
 * objects and arrays below the hundredth level become null.
 *
 * @throws SyntaxError when the text is not JSON
 * @see https://www.postgresql.org/docs/current/datatype-json.html
 */
export function parseStorableJson(text: string): unknown {
  const parsed: unknown = JSON.parse(text);
  const value = mayBeDeep(text) ? cutBelow(LEVELS_MAX, parsed) : parsed;
  return mayBeUnstorable(text) ? storableText(value) : value;
}

/** The same of a value that was parsed elsewhere. */
export function storableJson(value: unknown): unknown {
  return storableText(cutBelow(LEVELS_MAX, value));
}

function storableText(value: unknown): unknown {
  const text = JSON.stringify(value);
  return JSON.parse(mayBeUnstorable(text) ? text.replace(UNSTORABLE, '$1\ufffd') : text);
}

/** Holds an escape that PostgreSQL refuses, perhaps one that is itself escaped: a fast test before the exact one. */
function mayBeUnstorable(text: string): boolean {
  return text.includes('\\u') && /\\u(?:0000|d[89a-f])/i.test(text);
}

/** Fewer openings than levels cannot be deep: a fast test before the exact one. */
function mayBeDeep(text: string): boolean {
  let openings = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      openings += 1;
      if (openings > LEVELS_MAX) return true;
    }
  }
  return false;
}

function cutBelow(levels: number, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((item) => cutBelow(levels - 1, item));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cutBelow(levels - 1, item)]));
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
