/** What is left of one window. */
export interface WindowBudget {
  readonly name: string;
  /** Units, of the tier. */
  readonly limit: number;
  readonly durationMs: number;
  /** Units that are left. */
  readonly remaining: number;
  /** Milliseconds until some units come back: until the oldest unit leaves a log, or a counter begins anew. The whole window where none is spent. */
  readonly resetMs: number;
}

/** What a limiter says of a request. */
export type Decision =
  | { readonly outcome: 'allowed'; readonly budgets: readonly WindowBudget[] }
  | {
      readonly outcome: 'limited';
      readonly budgets: readonly WindowBudget[];
      /** Names of the windows that the request does not fit into, at least one. */
      readonly violated: readonly string[];
      /** Milliseconds until this request would fit into all windows, if nothing else is spent; at least 1. */
      readonly retryAfterMs: number;
    }
  /** The limiter cannot answer; what follows is `Tier.whenUnavailable`, `open` or `closed`. */
  | { readonly outcome: 'unavailable'; readonly retryAfterMs: number };
