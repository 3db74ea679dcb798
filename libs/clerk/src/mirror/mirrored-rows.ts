import type { SourceVersion } from '../users/source-version.js';

export type RowLookup<Row> =
  | { readonly outcome: 'found'; readonly row: Row }
  | { readonly outcome: 'deleted'; readonly deletedAt: Date }
  | { readonly outcome: 'unknown' };

export type RowUpsert<Row> =
  /** `created`: by the first delivery that writes the row, also where a snapshot has; of a snapshot, where there was no row. */
  | { readonly outcome: 'created' | 'updated'; readonly row: Row }
  /** No content was written: the row is at this version or a later one, or it or its owner is deleted. */
  | { readonly outcome: 'stale' };

export type RowDeletion =
  /** The tombstone is written; `id` is our id of the row that was wiped, null when it was never seen or has none. */
  | { readonly outcome: 'deleted'; readonly id: string | null }
  /** It was deleted before. */
  | { readonly outcome: 'stale' };

/**
 * One table that follows Clerk: `Content` is what Clerk says, `Row` what we have of it. Any order and any repetition of the same
 * calls, on this table and on those of its owners, ends in the same rows.
 *
 * A write applies only if its version is greater than the row's. A delete is terminal: it leaves a tombstone (id and times,
 * content wiped) even when the row was never seen, and nothing brings it back. What a deleted owner had is gone with it, and
 * what arrives of it later is stale.
 */
export abstract class MirroredRows<Content, Row extends Content = Content> {
  /** @throws ClerkError DATABASE_UNAVAILABLE */
  abstract find(clerkId: string): Promise<RowLookup<Row>>;
  /** Those that are not deleted and have `value` in `field`, in no order. @throws ClerkError DATABASE_UNAVAILABLE */
  abstract listBy(field: keyof Content & string, value: string): Promise<readonly Row[]>;
  /** @throws ClerkError DATABASE_UNAVAILABLE */
  abstract upsert(content: Content, version: SourceVersion): Promise<RowUpsert<Row>>;
  /** Applies whatever the version, once. @throws ClerkError DATABASE_UNAVAILABLE */
  abstract delete(clerkId: string, version: SourceVersion): Promise<RowDeletion>;
  /**
   * Ids of rows of which two different states claim the same `updated_at`, so that only Clerk can tell which holds: at most
   * `countMax`. A state with a later `updated_at` ends the doubt, and so does
   * a repair (what Clerk said when it was asked) that is written. @throws ClerkError DATABASE_UNAVAILABLE
   */
  abstract listInDoubt(countMax: number): Promise<readonly string[]>;
}
