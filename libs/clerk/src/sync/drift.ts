import { isDeepStrictEqual } from 'node:util';

import type { MirroredContent, SyncTable } from './sync-kind.js';
import type { SyncedRow } from './synced-rows.js';

/**
 * How a row stands to what Clerk says now.
 *
 * `tied`: the same version with other content, so that neither is known to be newer. `ahead`: the row is newer, because a webhook
 * was faster or Clerk answered from a copy that lags. `deleted`: a tombstone, which stays.
 */
export type Drift = 'missing' | 'behind' | 'tied' | 'same' | 'ahead' | 'deleted';

export function driftOf(table: SyncTable, content: MirroredContent, row: SyncedRow | undefined): Drift {
  if (row === undefined) return 'missing';
  if (row.isDeleted) return 'deleted';
  const differenceMs = content.updatedAt.getTime() - row.content.updatedAt.getTime();
  if (differenceMs > 0) return 'behind';
  if (differenceMs < 0) return 'ahead';
  return isSame(table, content, row.content) ? 'same' : 'tied';
}

function isSame({ columns }: SyncTable, a: MirroredContent, b: MirroredContent): boolean {
  return Object.entries(columns).every(
    ([field, type]) => type === 'time' || isDeepStrictEqual(Reflect.get(a, field), Reflect.get(b, field)),
  );
}
