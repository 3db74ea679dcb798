import type { MirroredContent } from './sync-kind.js';

/** A row as a comparison with Clerk needs it. */
export interface SyncedRow {
  /** What is left of it, where it is deleted. */
  readonly content: MirroredContent;
  readonly isDeleted: boolean;
  /** Of the delivery that wrote it, as in `SourceVersion`: Unix time, milliseconds; 0 for an API snapshot. */
  readonly timestampMs: number;
}

/** One table that follows Clerk, as a comparison with Clerk reads it. Every method throws ClerkError DATABASE_UNAVAILABLE. */
export abstract class SyncedRows {
  abstract byIds(clerkIds: readonly string[]): Promise<ReadonlyMap<string, SyncedRow>>;
  /** Clerk ids of living rows created from `fromMs` on and before `beforeMs` (Unix time, milliseconds; null: no end). */
  abstract idsCreatedBetween(fromMs: number, beforeMs: number | null): Promise<readonly string[]>;
  /** How many rows are not tombstones. */
  abstract count(): Promise<number>;
  /** Clerk ids of living rows in doubt, in the order of their bytes: those after `afterId`, at most `countMax`. */
  abstract idsNeedingRefetch(afterId: string, countMax: number): Promise<readonly string[]>;
  abstract markForRefetch(clerkIds: readonly string[]): Promise<void>;
}
