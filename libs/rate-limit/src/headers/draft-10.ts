import type { WindowBudget } from '../limiter/decision.js';
import type { LimitedWindow } from '../tiers/limited-window.js';
import type { HeaderSyntax } from './rate-limit-headers.js';
import { resetSeconds, wholeSeconds } from './seconds.js';

/**
 * Lists of Strings with parameters: `"minute";q=10;w=60` and `"minute";r=9;t=60`; times in whole seconds, rounded up. No name of a
 * window needs an escape.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10 (read 2026-05-23)
 * @see https://www.rfc-editor.org/rfc/rfc9651 (structured fields)
 */
export const draft10: HeaderSyntax = {
  policy: ({ windows }) => windows.map(policyItem).join(', '),
  state: (budgets) => budgets.map(stateItem).join(', '),
};

function policyItem({ name, limit, durationMs }: LimitedWindow): string {
  return `"${name}";q=${limit};w=${wholeSeconds(durationMs)}`;
}

function stateItem(budget: WindowBudget): string {
  return `"${budget.name}";r=${budget.remaining};t=${resetSeconds(budget)}`;
}
