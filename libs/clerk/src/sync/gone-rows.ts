import type { ClerkListing } from '../client/clerk-listing.js';
import { IDS_MAX } from '../client/list-parameters.js';
import { type FuseReason, isTooMany } from './deletion-fuse.js';
import { isAskable, type MirroredContent, ownersOf, type SyncKind } from './sync-kind.js';
import type { SyncStore } from './sync-store.js';

/** Clerk may answer from a copy that lags: what is gone must still be gone after this, milliseconds. */
const SECOND_LOOK_MS = 5_000;

export interface GoneParts {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  /** Waits between the two looks at what seems to be gone. */
  readonly sleep: (ms: number) => Promise<unknown>;
}

export interface Candidates {
  readonly kind: SyncKind;
  /** Rows that Clerk did not list. */
  readonly ids: readonly string[];
  /** What goes with one of these goes when it does. */
  readonly ownerIds: ReadonlySet<string>;
  /** What an operator has said he expects, in place of the usual limits; null: he has not. */
  readonly deletionsMax: number | null;
}

export interface Gone {
  /** All that Clerk does not list, where the fuse has acted. */
  readonly rows: readonly MirroredContent[];
  readonly fuse: FuseReason | null;
}

/** Those of the candidates that Clerk does not know, whichever way it is asked: listed by their ids, and twice each by itself. */
export async function confirmGone(parts: GoneParts, candidates: Candidates): Promise<Gone> {
  const { store, sleep } = parts;
  const { kind, deletionsMax } = candidates;
  const unlisted = await dropListed(parts, kind, await ownRows(store, candidates));
  if (unlisted.length === 0) return { rows: [], fuse: null };
  if (await store.isShared()) return { rows: unlisted, fuse: 'DATABASE_SHARED' };
  const ahead = { deletions: unlisted.length, rows: await store.rows(kind).count(), deletionsMax };
  if (isTooMany(ahead)) return { rows: unlisted, fuse: 'TOO_MANY_DELETIONS' };
  const absent = await dropFound(parts, kind, unlisted);
  if (absent.length > 0) await sleep(SECOND_LOOK_MS);
  return { rows: await dropFound(parts, kind, absent), fuse: null };
}

async function ownRows(
  store: SyncStore,
  { kind, ids, ownerIds }: Candidates,
): Promise<readonly MirroredContent[]> {
  const rows: MirroredContent[] = [];
  for (let at = 0; at < ids.length; at += IDS_MAX) {
    const found = await store.rows(kind).byIds(ids.slice(at, at + IDS_MAX));
    for (const { content, isDeleted } of found.values()) {
      const goesWithOwner = ownersOf(kind, content).some((id) => typeof id === 'string' && ownerIds.has(id));
      if (!isDeleted && !goesWithOwner && isAskable(kind, content)) rows.push(content);
    }
  }
  return rows;
}

async function dropListed(
  { listing }: GoneParts,
  kind: SyncKind,
  rows: readonly MirroredContent[],
): Promise<readonly MirroredContent[]> {
  const unlisted: MirroredContent[] = [];
  for (let at = 0; at < rows.length; at += IDS_MAX) {
    const batch = rows.slice(at, at + IDS_MAX);
    const listed = new Set(await kind.listed(listing, batch));
    unlisted.push(...batch.filter(({ clerkId }) => !listed.has(clerkId)));
  }
  return unlisted;
}

/** One by one: a list may come from an index that lags behind the things themselves. */
async function dropFound(
  { listing }: GoneParts,
  kind: SyncKind,
  rows: readonly MirroredContent[],
): Promise<readonly MirroredContent[]> {
  const absent: MirroredContent[] = [];
  for (const row of rows) if ((await kind.find(listing, row)) === null) absent.push(row);
  return absent;
}
