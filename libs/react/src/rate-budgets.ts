/** What is left of one window of the user's rate limit. */
export interface RateBudget {
  /** As the service calls it: `minute`, `hour`. */
  readonly name: string;
  /** Messages that the window allows. */
  readonly quota: number;
  readonly left: number;
  /** Until the window is whole again, seconds. */
  readonly resetSeconds: number;
}

const ITEM = /"([^"\\]*)"((?:\s*;\s*[a-z]+=[^;,]*)*)/g;

/**
 * Reads `RateLimit-Policy: "minute";q=10;w=60` and `RateLimit: "minute";r=9;t=60`; windows that only one of them names are left out.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
 */
export function rateBudgets(headers: Headers): readonly RateBudget[] {
  const state = items(headers.get('ratelimit'));
  return [...items(headers.get('ratelimit-policy'))].flatMap(([name, policy]) => {
    const budget = {
      quota: policy['q'],
      left: state.get(name)?.['r'],
      resetSeconds: state.get(name)?.['t'] ?? 0,
    };
    return isKnown(budget.quota) && isKnown(budget.left)
      ? [{ name, quota: budget.quota, left: budget.left, resetSeconds: budget.resetSeconds }]
      : [];
  });
}

function items(field: string | null): ReadonlyMap<string, Readonly<Record<string, number>>> {
  return new Map(
    [...(field ?? '').matchAll(ITEM)].map(([, name = '', parameters = '']) => [name, numbersIn(parameters)]),
  );
}

function numbersIn(parameters: string): Readonly<Record<string, number>> {
  const pairs = [...parameters.matchAll(/([a-z]+)=(\d{1,15})(?![^;\s])/g)];
  return Object.fromEntries(pairs.map(([, key = '', value]) => [key, Number(value)]));
}

function isKnown(value: number | undefined): value is number {
  return value !== undefined;
}
