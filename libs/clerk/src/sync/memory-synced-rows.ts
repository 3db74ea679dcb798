import type { MemoryStore, StoredRow } from '../mirror/memory-store.js';
import type { MirroredContent, SyncTable } from './sync-kind.js';
import { type SyncedRow, SyncedRows } from './synced-rows.js';

type Live = Extract<StoredRow, { readonly state: 'live' }>;

/** In this process only. */
export class MemorySyncedRows extends SyncedRows {
  constructor(
    private readonly store: MemoryStore,
    private readonly table: SyncTable,
  ) {
    super();
  }

  async byIds(clerkIds: readonly string[]): Promise<ReadonlyMap<string, SyncedRow>> {
    const found = clerkIds.flatMap((clerkId): (readonly [string, SyncedRow])[] => {
      const kept = this.store.find(this.table.name, clerkId);
      if (kept === undefined) return [];
      if (kept.state === 'live') {
        const { timestampMs } = kept.version;
        return [[clerkId, { content: contentOf(kept), isDeleted: false, timestampMs }]];
      }
      const { deletedAt } = kept;
      const content = { clerkId, createdAt: deletedAt, updatedAt: deletedAt };
      return [[clerkId, { content, isDeleted: true, timestampMs: deletedAt.getTime() }]];
    });
    return new Map(found);
  }

  async idsCreatedBetween(fromMs: number, beforeMs: number | null): Promise<readonly string[]> {
    return this.#live()
      .map(contentOf)
      .filter(
        ({ createdAt }) => createdAt.getTime() >= fromMs && createdAt.getTime() < (beforeMs ?? Infinity),
      )
      .map(({ clerkId }) => clerkId);
  }

  async count(): Promise<number> {
    return this.#live().length;
  }

  async idsNeedingRefetch(afterId: string, countMax: number): Promise<readonly string[]> {
    return this.#live()
      .flatMap((kept) => (kept.isInDoubt ? [contentOf(kept).clerkId] : []))
      .filter((clerkId) => clerkId > afterId)
      .toSorted()
      .slice(0, countMax);
  }

  async markForRefetch(clerkIds: readonly string[]): Promise<void> {
    for (const clerkId of clerkIds) {
      await this.store.change(clerkId, (store) => {
        const kept = store.find(this.table.name, clerkId);
        if (kept?.state === 'live') store.write(this.table.name, clerkId, { ...kept, isInDoubt: true });
      });
    }
  }

  #live(): readonly Live[] {
    return [...this.store.rowsOf(this.table.name).values()].filter((kept) => kept.state === 'live');
  }
}

function contentOf({ row }: Live): MirroredContent {
  // Every table that follows Clerk holds these, and under one name only rows of one kind are written.
  return row as unknown as MirroredContent;
}
