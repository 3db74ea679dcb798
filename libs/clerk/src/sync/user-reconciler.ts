import { randomUUID } from 'node:crypto';

import type { ClerkListing } from '../client/clerk-listing.js';
import { IDS_MAX } from '../client/clerk-listing.js';
import type { WebhookInbox } from '../webhooks/webhook-inbox.js';
import { type FuseReason, isTooMany } from './deletion-fuse.js';
import { deletionDelivery, type RepairSource, updateDelivery } from './repair-deliveries.js';
import type { SyncStore } from './sync-store.js';
import type { TieBreaker } from './tie-breaker.js';
import { compareUsers, type Drifted } from './user-comparison.js';
import type { SyncProgress } from './user-backfill.js';
import type { UserRows } from './user-rows.js';

export interface ReconcileReport {
  readonly instanceId: string;
  /** Users that Clerk listed. */
  readonly users: number;
  /** Users of Clerk that had no row. */
  readonly missing: number;
  /** Rows that were older than what Clerk gave. */
  readonly stale: number;
  /** Rows whose user Clerk has no more, each confirmed twice. */
  readonly extra: number;
  /** Rows of which it was not known whether they or Clerk were newer, and that are as Clerk says now. */
  readonly settled: number;
  /** Ids of the deliveries that were put into the inbox: one for each that was missing, stale or extra, unless `fuse` says otherwise. */
  readonly deliveryIds: readonly string[];
  /** Why nothing was deleted that should have been; null: nothing stood in the way. */
  readonly fuse: FuseReason | null;
}

export interface ReconcileOptions {
  /** Only look. @default false */
  readonly isDryRun?: boolean;
  /** What may be deleted, where an operator knows. @default 5 % of the rows, and 1,000 at most */
  readonly deletionsMax?: number | null;
}

export interface UserReconcilerParts {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  readonly rows: UserRows;
  readonly ties: TieBreaker;
  readonly inbox: WebhookInbox;
  /** Whether webhooks of other registrations come to this database too. */
  readonly isDatabaseShared: () => Promise<boolean>;
  readonly onProgress?: (progress: SyncProgress) => void;
  /** Waits between the two looks at a user who seems to be gone. */
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly nowMs: () => number;
}

/** Clerk may answer from a copy that lags: what is gone must still be gone after this, milliseconds. */
const SECOND_LOOK_MS = 5_000;

/**
 * Finds what lost webhooks have left behind, and puts the webhooks that are missing into the inbox, so that the mirror, handlers and
 * revocations follow as they would have. Clerk's word for a deletion is not being listed, and twice not being found.
 */
export class UserReconciler {
  constructor(private readonly parts: UserReconcilerParts) {}

  /** @throws ClerkError CLERK_*, DATABASE_UNAVAILABLE: what was put into the inbox until then stays, and is right */
  async run({ isDryRun = false, deletionsMax = null }: ReconcileOptions = {}): Promise<ReconcileReport> {
    const { listing, store, ties } = this.parts;
    const instanceId = await listing.instanceId();
    const known = await store.knownInstanceIds();
    const source = { runId: randomUUID(), instanceId };
    if (known.length > 0 && !known.includes(instanceId))
      return { ...NOTHING, ...source, fuse: 'INSTANCE_DIFFERS' };
    const found = await this.#look(isDryRun ? null : source);
    const extraIds = await this.#confirm(found.candidates, deletionsMax);
    const settled = isDryRun ? 0 : await ties.settleAll();
    const deletedIds = isDryRun || extraIds.fuse !== null ? [] : await this.#bury(source, extraIds.ids);
    return {
      instanceId,
      users: found.users,
      missing: found.missing,
      stale: found.stale,
      extra: extraIds.ids.length,
      settled,
      deliveryIds: [...found.deliveryIds, ...deletedIds],
      fuse: extraIds.fuse,
    };
  }

  /** One walk over all users; what is missing or stale is mended on the way, unless `source` is null. */
  async #look(source: RepairSource | null) {
    const { listing, rows, onProgress } = this.parts;
    const total = await listing.countUsers();
    const found = { users: 0, missing: 0, stale: 0 };
    const candidates: string[] = [];
    const deliveryIds: string[] = [];
    for await (const page of compareUsers(listing, rows)) {
      found.users += page.seen;
      found.missing += page.drifted.filter(({ kind }) => kind === 'missing').length;
      found.stale += page.drifted.filter(({ kind }) => kind === 'behind').length;
      candidates.push(...page.extraIds);
      if (source !== null) {
        deliveryIds.push(...(await this.#deliver(source, page.drifted)));
        if (page.tiedIds.length > 0) await rows.markForRefetch(page.tiedIds);
      }
      onProgress?.({ done: found.users, total: Math.max(total, found.users) });
    }
    return { ...found, candidates, deliveryIds };
  }

  async #deliver(source: RepairSource, drifted: readonly Drifted[]): Promise<string[]> {
    const deliveries = drifted.map(({ profile, raw }) =>
      updateDelivery(source, {
        clerkId: profile.clerkId,
        updatedAtMs: profile.updatedAt.getTime(),
        raw,
      }),
    );
    for (const delivery of deliveries) await this.parts.inbox.store(delivery);
    return deliveries.map(({ id }) => id);
  }

  /** Those of the candidates that Clerk does not know, whichever way it is asked. */
  async #confirm(
    candidates: readonly string[],
    deletionsMax: number | null,
  ): Promise<{ ids: readonly string[]; fuse: FuseReason | null }> {
    const { listing, rows, sleep, isDatabaseShared } = this.parts;
    const unlisted: string[] = [];
    for (let at = 0; at < candidates.length; at += IDS_MAX) {
      const batch = candidates.slice(at, at + IDS_MAX);
      const existing = await listing.existingUserIds(batch);
      unlisted.push(...batch.filter((clerkId) => !existing.has(clerkId)));
    }
    if (unlisted.length === 0) return { ids: [], fuse: null };
    if (await isDatabaseShared()) return { ids: unlisted, fuse: 'DATABASE_SHARED' };
    const ahead = { deletions: unlisted.length, rows: await rows.count(), deletionsMax };
    if (isTooMany(ahead)) return { ids: unlisted, fuse: 'TOO_MANY_DELETIONS' };
    await sleep(SECOND_LOOK_MS);
    const gone: string[] = [];
    // One by one: a list may come from an index that lags behind the users themselves.
    for (const clerkId of unlisted) if ((await listing.findUser(clerkId)) === null) gone.push(clerkId);
    return { ids: gone, fuse: null };
  }

  async #bury(source: RepairSource, clerkIds: readonly string[]): Promise<string[]> {
    const { inbox, nowMs } = this.parts;
    const deliveries = clerkIds.map((clerkId) => deletionDelivery(source, { clerkId, nowMs: nowMs() }));
    for (const delivery of deliveries) await inbox.store(delivery);
    return deliveries.map(({ id }) => id);
  }
}

const NOTHING = {
  users: 0,
  missing: 0,
  stale: 0,
  extra: 0,
  settled: 0,
  deliveryIds: [],
} as const;
