interface Dated {
  readonly clerkId: string;
  readonly createdAt: Date;
}

/** The one that was created last; null when there is none. The same whatever the order of the rows. */
export function latestCreated<Row extends Dated>(rows: readonly Row[]): Row | null {
  return rows.reduce<Row | null>((latest, row) => (isLaterCreated(row, latest) ? row : latest), null);
}

/** Whether `row` counts and `other` does not: created later or, at the same time, of the greater id. */
export function isLaterCreated(row: Dated, other: Dated | null | undefined): boolean {
  if (other === null || other === undefined) return true;
  const differenceMs = row.createdAt.getTime() - other.createdAt.getTime();
  return differenceMs > 0 || (differenceMs === 0 && row.clerkId > other.clerkId);
}
