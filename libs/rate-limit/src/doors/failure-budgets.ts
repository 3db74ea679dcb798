/** What the limiter last said of somebody's failures. */
export interface FailureBudget {
  /** Units of the window that has the fewest left. */
  readonly remaining: number;
  /** Names of the windows that are empty. */
  readonly spentWindows: readonly string[];
  /** Monotonic, milliseconds: from then on there are more units. */
  readonly untilMs: number;
}

/** More are forgotten, those first that were put in first. They have to fail once more to be known again. */
const PRINCIPALS_MAX = 10_000;

/** What is left of the budgets of those who failed, as far as this process knows. Pure but for what it remembers. */
export class FailureBudgets {
  readonly #budgets = new Map<string, FailureBudget>();
  #spentUntilMs = 0;

  /** Whether anybody's may be spent, without looking at anybody. */
  isAnySpent(nowMs: number): boolean {
    return nowMs < this.#spentUntilMs;
  }

  find(principal: string, nowMs: number): FailureBudget | undefined {
    const budget = this.#budgets.get(principal);
    if (budget === undefined || budget.untilMs > nowMs) return budget;
    this.#budgets.delete(principal);
    return undefined;
  }

  put(principal: string, budget: FailureBudget): void {
    this.#budgets.delete(principal);
    const [oldest] = this.#budgets.keys();
    if (this.#budgets.size >= PRINCIPALS_MAX && oldest !== undefined) this.#budgets.delete(oldest);
    this.#budgets.set(principal, budget);
    if (budget.remaining === 0) this.#spentUntilMs = Math.max(this.#spentUntilMs, budget.untilMs);
  }
}
