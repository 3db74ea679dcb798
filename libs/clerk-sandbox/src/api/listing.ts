import { invalidParameter } from './api-error.js';

/** A page of a list: `limit` 1–500, 10 by default, and `offset`. https://clerk.com/docs/reference/backend-api */
export function page<T>(items: readonly T[], query: URLSearchParams): T[] {
  const limit = wholeNumber(query, 'limit', { fallback: 10, min: 1, max: 500 });
  const offset = wholeNumber(query, 'offset', { fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER });
  return items.slice(offset, offset + limit);
}

export function paged<T>(items: readonly T[], query: URLSearchParams): { data: T[]; total_count: number } {
  return { data: page(items, query), total_count: items.length };
}

/** Values of a repeated parameter, written `name=a&name=b` or `name[]=a`. */
export function list(query: URLSearchParams, name: string): string[] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)];
}

export function orderBy<T>(
  items: readonly T[],
  query: URLSearchParams,
  keys: Record<string, (item: T) => string | number | null>,
): T[] {
  const asked = query.get('order_by') ?? '-created_at';
  const key = keys[asked.replace(/^[+\- ]/, '')];
  if (key === undefined)
    throw invalidParameter('order_by', `order_by must name one of ${Object.keys(keys).join(', ')}`);
  const direction = asked.startsWith('-') ? -1 : 1;
  return items.toSorted((a, b) => direction * compare(key(a), key(b)));
}

function compare(a: string | number | null, b: string | number | null): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : 1;
}

function wholeNumber(
  query: URLSearchParams,
  name: string,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const text = query.get(name);
  const value = text === null ? fallback : Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalidParameter(name, `${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}
