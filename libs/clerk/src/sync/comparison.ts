import type { ClerkListing } from '../client/clerk-listing.js';
import { driftOf } from './drift.js';
import { type MirroredContent, type SyncKind, USER_KIND } from './sync-kind.js';
import type { SyncedRows } from './synced-rows.js';

/** Something that Clerk has and the database has not, or not in that state. */
export interface Drifted {
  readonly kind: 'missing' | 'behind';
  readonly content: MirroredContent;
  /** As Clerk sends it in webhooks. */
  readonly raw: unknown;
}

export interface ComparedPage {
  /** Things of Clerk on this page. */
  readonly seen: number;
  readonly drifted: readonly Drifted[];
  /** Rows with the version that Clerk gave and other content. */
  readonly tiedIds: readonly string[];
  /** Living rows between this page and the one before that Clerk did not list: candidates, no more. */
  readonly extraIds: readonly string[];
}

interface Listed {
  readonly content: MirroredContent;
  readonly raw: unknown;
}

/** Compares all that Clerk has of a kind with all rows, page by page in the order of creation. */
export async function* compareAll(
  kind: SyncKind,
  listing: ClerkListing,
  rows: SyncedRows,
): AsyncGenerator<ComparedPage, void, void> {
  let fromMs = 0;
  let seen = new Map<string, number>();
  for await (const { items, isLast } of kind.steps(listing)) {
    const listed = parseAll(kind, items);
    const createdMs = listed.map(({ content }) => content.createdAt.getTime());
    for (const [index, { content }] of listed.entries()) seen.set(content.clerkId, createdMs[index] ?? 0);
    const reachedMs = createdMs.reduce((a, b) => Math.max(a, b), fromMs);
    // The last millisecond of a page may go on on the next.
    const inDatabase = await rows.idsCreatedBetween(fromMs, isLast ? null : reachedMs);
    const extraIds = inDatabase.filter((clerkId) => !seen.has(clerkId));
    yield { extraIds, ...(await compare(kind, listed, rows)) };
    seen = new Map([...seen].filter(([, at]) => at >= reachedMs));
    fromMs = reachedMs;
  }
}

/** Compares the users who have changed since `sinceMs` (Unix time, milliseconds, by Clerk's clock). Who is extra, it cannot know. */
export async function* compareRecentUsers(
  sinceMs: number,
  listing: ClerkListing,
  rows: SyncedRows,
): AsyncGenerator<ComparedPage, void, void> {
  for await (const { items } of listing.recentUserSteps()) {
    const since = items.filter(({ updatedAt }) => updatedAt >= sinceMs);
    const listed = parseAll(
      USER_KIND,
      since.map(({ raw }) => raw),
    );
    yield { extraIds: [], ...(await compare(USER_KIND, listed, rows)) };
    if (since.length < items.length) return;
  }
}

async function compare(
  kind: SyncKind,
  listed: readonly Listed[],
  rows: SyncedRows,
): Promise<Omit<ComparedPage, 'extraIds'>> {
  const found = await rows.byIds(listed.map(({ content }) => content.clerkId));
  const drifted: Drifted[] = [];
  const tiedIds: string[] = [];
  for (const { content, raw } of listed) {
    const drift = driftOf(kind.table, content, found.get(content.clerkId));
    if (drift === 'missing' || drift === 'behind') drifted.push({ kind: drift, content, raw });
    if (drift === 'tied') tiedIds.push(content.clerkId);
  }
  return { seen: listed.length, drifted, tiedIds };
}

function parseAll(kind: SyncKind, items: readonly unknown[]): readonly Listed[] {
  return items.flatMap((raw) => {
    const content = kind.parse(raw);
    return content === null ? [] : [{ content, raw }];
  });
}
