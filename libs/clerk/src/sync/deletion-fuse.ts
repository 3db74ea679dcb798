/** Why nothing was deleted. */
export type FuseReason =
  /** The secret key is of another Clerk instance than this database was filled from. */
  | 'INSTANCE_DIFFERS'
  /** Other registrations write to this database too: whose the extra rows are cannot be known. */
  | 'DATABASE_SHARED'
  /** More rows would go than a few people who left. */
  | 'TOO_MANY_DELETIONS';

export interface DeletionsAhead {
  readonly deletions: number;
  /** Rows that are not tombstones. */
  readonly rows: number;
  /** What an operator has said he expects, in place of the usual limits; null: he has not. */
  readonly deletionsMax: number | null;
}

const SHARE_MAX = 0.05;
const DELETIONS_MAX = 1_000;

/** Whether more would be deleted than can be meant: 5 %, or 1,000. */
export function isTooMany({ deletions, rows, deletionsMax }: DeletionsAhead): boolean {
  if (deletionsMax !== null) return deletions > deletionsMax;
  return deletions > rows * SHARE_MAX || deletions > DELETIONS_MAX;
}
