import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { compareSourceVersions, isSnapshot, type SourceVersion } from '../users/source-version.js';
import type { MemoryStore, StoredRow } from './memory-store.js';
import { type MirrorTable, tablesOwnedBy } from './mirror-tables.js';
import { REPAIR_ID_START } from './repair-id.js';
import { MirroredRows, type RowDeletion, type RowLookup, type RowUpsert } from './mirrored-rows.js';

type Live = Extract<StoredRow, { readonly state: 'live' }>;

/** A table in this process only, gone when it ends. */
export class MemoryRows<
  Content extends { readonly clerkId: string },
  Row extends Content = Content,
> extends MirroredRows<Content, Row> {
  constructor(
    private readonly store: MemoryStore,
    private readonly table: MirrorTable<Content>,
  ) {
    super();
  }

  async find(clerkId: string): Promise<RowLookup<Row>> {
    const kept = this.store.find(this.table.name, clerkId);
    if (kept === undefined) return { outcome: 'unknown' };
    if (kept.state === 'deleted') return { outcome: 'deleted', deletedAt: kept.deletedAt };
    return { outcome: 'found', row: rowOf(kept) };
  }

  async listBy(field: keyof Content & string, value: string): Promise<readonly Row[]> {
    return this.#live().flatMap((kept) => (kept.row[field] === value ? [rowOf<Row>(kept)] : []));
  }

  async listInDoubt(countMax: number): Promise<readonly string[]> {
    const inDoubt = this.#live().filter(({ isInDoubt }) => isInDoubt);
    return inDoubt.slice(0, countMax).map((kept) => rowOf<Row>(kept).clerkId);
  }

  upsert(content: Content, version: SourceVersion): Promise<RowUpsert<Row>> {
    const ownId = this.table.hasOwnId ? { id: randomUUID() } : {};
    return this.store.change(content.clerkId, (store) => {
      const kept = store.find(this.table.name, content.clerkId);
      if (kept?.state === 'deleted' || this.#isOwnerGone(store, content)) return { outcome: 'stale' };
      if (kept !== undefined && compareSourceVersions(version, kept.version) <= 0) {
        const isInDoubt = isDoubtful(kept, content, version);
        if (isInDoubt) store.write(this.table.name, content.clerkId, { ...kept, isInDoubt });
        return { outcome: 'stale' };
      }
      const isInDoubt = leavesDoubt(kept, content, version);
      const { isNew, isAnnounced } = newsOf(kept, version);
      const next: Live = {
        state: 'live',
        row: { ...ownId, ...kept?.row, ...content },
        version,
        isInDoubt,
        isAnnounced,
      };
      store.write(this.table.name, content.clerkId, next);
      return { outcome: isNew ? 'created' : 'updated', row: rowOf<Row>(next) };
    });
  }

  delete(clerkId: string, version: SourceVersion): Promise<RowDeletion> {
    return this.store.change(clerkId, (store) => {
      for (const { field, table } of tablesOwnedBy(this.table.name)) {
        for (const [ownedId, owned] of store.rowsOf(table)) {
          if (owned.state === 'live' && owned.row[field] === clerkId) store.remove(table, ownedId);
        }
      }
      const kept = store.find(this.table.name, clerkId);
      if (kept?.state === 'deleted') return { outcome: 'stale' };
      const deletedAt = new Date(version.timestampMs);
      store.write(this.table.name, clerkId, { state: 'deleted', deletedAt });
      const id = kept?.row['id'];
      return { outcome: 'deleted', id: typeof id === 'string' ? id : null };
    });
  }

  #live(): readonly Live[] {
    return [...this.store.rowsOf(this.table.name).values()].filter((kept) => kept.state === 'live');
  }

  #isOwnerGone(store: MemoryStore, content: Content): boolean {
    return this.table.owners.some(
      ({ field, table }) => store.find(table, String(Reflect.get(content, field)))?.state === 'deleted',
    );
  }
}

/** Whether a write is a creation to whoever hears of it, and whether handlers have heard of the row by then. */
function newsOf(kept: Live | undefined, version: SourceVersion) {
  if (isSnapshot(version)) return { isNew: kept === undefined, isAnnounced: kept?.isAnnounced ?? false };
  return { isNew: kept?.isAnnounced !== true, isAnnounced: true };
}

/** Whether what is written over a row leaves it in doubt: not what Clerk said when it was asked. */
function leavesDoubt(kept: Live | undefined, content: object, version: SourceVersion): boolean {
  if (kept === undefined || version.deliveryId.startsWith(REPAIR_ID_START)) return false;
  return isDoubtful(kept, content, version);
}

/** Whether a row and what claims its `updated_at` differ, or did before. */
function isDoubtful(kept: Live, content: object, version: SourceVersion): boolean {
  if (kept.version.updatedAtMs !== version.updatedAtMs) return false;
  const { id: _id, ...known } = kept.row;
  return kept.isInDoubt || !isDeepStrictEqual(known, { ...content });
}

function rowOf<Row>({ row }: Live): Row {
  // The tables hold rows of every kind; under one name only those of one kind are written.
  return row as Row;
}
