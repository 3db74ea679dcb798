/** Several measurements of one thing, one for each round. */
export interface Sample {
  readonly median: number;
  /** A quarter of the rounds lies below, a quarter above `upper`. */
  readonly lower: number;
  readonly upper: number;
}

export function sampleOf(values: readonly number[]): Sample {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) };
}

/** Round by round: what disturbs the machine for longer than a round disturbs both sides of a ratio. */
export function ratioOf(dividends: readonly number[], divisors: readonly number[]): Sample {
  return sampleOf(dividends.map((dividend, round) => dividend / (divisors[round] ?? Number.NaN)));
}

function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}
