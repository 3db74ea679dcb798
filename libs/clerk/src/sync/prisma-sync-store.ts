import { type ClerkDatabase, type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { prismaMirror } from '../mirror/prisma-mirror.js';
import { type SyncCounts, writePage } from './page-writer.js';
import * as sql from './prisma-sync-statements.js';
import { PrismaSyncedRows } from './prisma-synced-rows.js';
import { type SyncKind, USER_KIND } from './sync-kind.js';
import { type BackfillPage, type BackfillRun, type PageApplication, SyncStore } from './sync-store.js';

/** A page is hundreds of rows: longer than a webhook's transaction may take, and still bounded. Milliseconds. */
const TRANSACTION = { maxWait: 5_000, timeout: 20_000 };
const TRANSACTION_ANSWER_MS = TRANSACTION.maxWait + TRANSACTION.timeout + 500;

/** In the host's PostgreSQL database. */
export class PrismaSyncStore extends SyncStore {
  constructor(
    private readonly database: ClerkDatabase,
    private readonly registration: string,
  ) {
    super();
  }

  rows(kind: SyncKind): PrismaSyncedRows {
    return new PrismaSyncedRows(this.database, kind.table);
  }

  async knownInstanceIds(): Promise<readonly string[]> {
    const rows = await this.#query<{ instanceId: string }>(sql.KNOWN_INSTANCES, this.registration);
    return rows.map(({ instanceId }) => instanceId);
  }

  async isShared(): Promise<boolean> {
    const [row] = await this.#query<{ isShared: boolean }>(sql.SHARED, this.registration);
    return row?.isShared ?? false;
  }

  open(instanceId: string): Promise<BackfillRun> {
    return this.#transaction(async (transaction) => {
      await transaction.$queryRawUnsafe(sql.LOCK);
      const words = [this.registration, instanceId] as const;
      const [unfinished] = await transaction.$queryRawUnsafe<RunRow[]>(sql.UNFINISHED, ...words);
      if (unfinished !== undefined) return toRun(unfinished);
      const [started] = await transaction.$queryRawUnsafe<RunRow[]>(sql.START, ...words);
      return toRun(started);
    });
  }

  applyPage(run: BackfillRun, page: BackfillPage): Promise<PageApplication> {
    return this.#transaction(async (transaction): Promise<PageApplication> => {
      const [claimed] = await transaction.$queryRawUnsafe<RunRow[]>(sql.CLAIM, run.id);
      const current = toRun(claimed);
      if (current.isFinished || current.revision !== run.revision)
        return { outcome: 'overtaken', run: current };
      const counts = await writeIn(transaction, USER_KIND, page.users);
      const [moved] = await transaction.$queryRawUnsafe<RunRow[]>(
        sql.MOVE,
        run.id,
        page.next.reachedMs,
        page.next.seenAtReached,
        counts.seen - page.seenBefore,
        counts.created,
        counts.updated,
        page.isLast,
      );
      return { outcome: 'applied', run: toRun(moved) };
    });
  }

  write(kind: SyncKind, items: readonly unknown[]): Promise<SyncCounts> {
    // Not row by row: the lock that keeps a membership from slipping in beside the end of its owner is held by a transaction.
    return this.#transaction((transaction) => writeIn(transaction, kind, items));
  }

  async reconciledToMs(instanceId: string): Promise<number | null> {
    const [row] = await this.#query<{ toMs: string | null }>(
      sql.RECONCILED_TO,
      this.registration,
      instanceId,
    );
    return row === undefined || row.toMs === null ? null : Number(row.toMs);
  }

  async noteReconciled(instanceId: string, reconciledToMs: number): Promise<void> {
    await databaseAnswer(
      this.database.$executeRawUnsafe(sql.NOTE_RECONCILED, this.registration, instanceId, reconciledToMs),
    );
  }

  #query<T>(statement: string, ...parameters: unknown[]): Promise<T[]> {
    return databaseAnswer(this.database.$queryRawUnsafe<T[]>(statement, ...parameters));
  }

  #transaction<T>(work: (transaction: ClerkDatabaseConnection) => Promise<T>): Promise<T> {
    return databaseAnswer(this.database.$transaction(work, TRANSACTION), TRANSACTION_ANSWER_MS);
  }
}

function writeIn(
  transaction: ClerkDatabaseConnection,
  kind: SyncKind,
  items: readonly unknown[],
): Promise<SyncCounts> {
  const rows = new PrismaSyncedRows(transaction, kind.table);
  return writePage(kind, items, { mirror: prismaMirror(transaction), rows });
}

interface RunRow extends SyncCounts {
  readonly id: string;
  readonly instanceId: string;
  /** As text, since drivers disagree on what a bigint is. */
  readonly reachedMs: string | null;
  readonly seenAtReached: number;
  readonly revision: number;
  readonly finishedAt: Date | null;
}

function toRun(row: RunRow | undefined): BackfillRun {
  if (row === undefined) throw new Error('The walk was removed from clerk_sync_runs while it went on.');
  const { id, instanceId, reachedMs, seenAtReached, revision, finishedAt, seen, created, updated } = row;
  return {
    id,
    instanceId,
    revision,
    position: { reachedMs: reachedMs === null ? null : Number(reachedMs), seenAtReached },
    counts: { seen, created, updated },
    isFinished: finishedAt !== null,
  };
}
