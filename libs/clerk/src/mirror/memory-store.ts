import type { SourceVersion } from '../users/source-version.js';
import { RowLocks } from './row-locks.js';

/** A row of any table: what Clerk says, or that it is deleted. */
export type StoredRow =
  | {
      readonly state: 'live';
      readonly row: Readonly<Record<string, unknown>>;
      readonly version: SourceVersion;
      readonly isInDoubt: boolean;
      /** Whether handlers have heard of it. */
      readonly isAnnounced: boolean;
    }
  | { readonly state: 'deleted'; readonly deletedAt: Date };

/** A change of rows: what it does is decided by the rows that it finds, so that it may be done again on others. */
type Change<Result> = (store: MemoryStore) => Result;

/** Tables in this process. Each keeps the latest `rowsMax`: what was dropped is unknown again, as what was never seen. */
export class MemoryStore {
  readonly #tables = new Map<string, Map<string, StoredRow | null>>();
  readonly #changes: Change<unknown>[] = [];
  readonly #locks = new RowLocks();
  readonly #held = new Map<string, () => void>();
  #isOver = false;

  constructor(
    private readonly rowsMax = 10_000,
    private readonly committed?: MemoryStore,
  ) {}

  find(table: string, clerkId: string): StoredRow | undefined {
    const row = this.#table(table).get(clerkId);
    return row === undefined ? this.committed?.find(table, clerkId) : (row ?? undefined);
  }

  rowsOf(table: string): ReadonlyMap<string, StoredRow> {
    const rows = new Map(this.committed?.rowsOf(table));
    for (const [clerkId, row] of this.#table(table)) {
      if (row === null) rows.delete(clerkId);
      else rows.set(clerkId, row);
    }
    return rows;
  }

  write(table: string, clerkId: string, row: StoredRow): void {
    const rows = this.#table(table);
    rows.delete(clerkId);
    rows.set(clerkId, row);
    if (rows.size <= this.rowsMax) return;
    const [oldest = clerkId] = rows.keys();
    rows.delete(oldest);
  }

  remove(table: string, clerkId: string): void {
    if (this.committed === undefined) this.#table(table).delete(clerkId);
    else this.#table(table).set(clerkId, null);
  }

  /** Does a change, after any transaction that changes `key` has ended; in a transaction, `key` is held until its end. */
  async change<Result>(key: string, change: Change<Result>): Promise<Result> {
    if (this.committed !== undefined) {
      if (!this.#held.has(key)) this.#held.set(key, await this.committed.#locks.hold(key));
      if (this.#isOver) this.#release();
      if (this.#isOver) throw new Error('The transaction is over: what is written now would be lost.');
      this.#changes.push(change);
    }
    return change(this);
  }

  /** Keeps what `work` wrote only if it resolves. Meanwhile others see the rows as they were. */
  async transaction<T>(work: (staged: MemoryStore) => Promise<T>): Promise<T> {
    const staged = new MemoryStore(Number.POSITIVE_INFINITY, this);
    try {
      const result = await work(staged);
      // Done again rather than copied: rows that others wrote meanwhile are judged as if they had come first.
      for (const change of staged.#changes) change(this);
      return result;
    } finally {
      staged.#isOver = true;
      staged.#release();
    }
  }

  #release(): void {
    for (const release of this.#held.values()) release();
    this.#held.clear();
  }

  #table(name: string): Map<string, StoredRow | null> {
    const rows = this.#tables.get(name) ?? new Map<string, StoredRow | null>();
    this.#tables.set(name, rows);
    return rows;
  }
}
