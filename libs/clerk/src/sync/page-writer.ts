import type { Mirror } from '../mirror/mirror.js';
import { driftOf } from './drift.js';
import { snapshotVersion } from '../users/source-version.js';
import type { SyncKind } from './sync-kind.js';
import type { SyncedRows } from './synced-rows.js';

export interface SyncCounts {
  /** Things of Clerk that were looked at. */
  readonly seen: number;
  /** Rows that were not there. */
  readonly created: number;
  /** Rows that were older. */
  readonly updated: number;
}

/**
 * Writes what Clerk has listed by the mirror's rules. A row that claims the very version that Clerk gave, with other content, is
 * marked to be fetched by itself.
 */
export async function writePage(
  kind: SyncKind,
  items: readonly unknown[],
  { mirror, rows }: { readonly mirror: Mirror; readonly rows: SyncedRows },
): Promise<SyncCounts> {
  const contents = items.flatMap((item) => kind.parse(item) ?? []);
  const found = await rows.byIds(contents.map(({ clerkId }) => clerkId));
  const tiedIds: string[] = [];
  let [created, updated] = [0, 0];
  for (const content of contents) {
    const drift = driftOf(kind.table, content, found.get(content.clerkId));
    if (drift === 'tied') tiedIds.push(content.clerkId);
    if (drift !== 'missing' && drift !== 'behind') continue;
    // What the mirror finds counts: a webhook may have come in between.
    const { outcome } = await kind.upsert(mirror, content, snapshotVersion(content));
    if (outcome === 'created') created += 1;
    if (outcome === 'updated') updated += 1;
  }
  if (tiedIds.length > 0) await rows.markForRefetch(tiedIds);
  return { seen: contents.length, created, updated };
}
