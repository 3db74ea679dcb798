import { randomUUID } from 'node:crypto';

import type { ClerkListing } from '../client/clerk-listing.js';
import type { WebhookInbox } from '../webhooks/webhook-inbox.js';
import type { SyncProgress } from './backfill.js';
import { compareAll, type ComparedPage, compareRecentUsers } from './comparison.js';
import type { FuseReason } from './deletion-fuse.js';
import { confirmGone, type GoneParts } from './gone-rows.js';
import { deletionDelivery, type RepairSource, updateDelivery } from './repair-deliveries.js';
import { type KindName, type OfEachKind, type SyncKind, SYNC_KINDS } from './sync-kind.js';
import type { TieBreaker } from './tie-breaker.js';

/** How far the rows of one kind, or of all, were from Clerk. */
export interface DriftCounts {
  /** What Clerk had and the database had not. */
  readonly missing: number;
  /** Rows that were older than what Clerk gave. */
  readonly stale: number;
  /** Rows of what Clerk has no more, each confirmed twice; without those that go with their user or organisation. */
  readonly extra: number;
  /** Rows of which it was not known whether they or Clerk were newer, and of which Clerk's word was put into the inbox. */
  readonly settled: number;
}

export interface KindReport extends DriftCounts {
  /** How many Clerk listed. */
  readonly listed: number;
  /** Why nothing of this kind was deleted that should have been; null: nothing stood in the way. */
  readonly fuse: FuseReason | null;
}

export interface ReconcileReport extends DriftCounts {
  readonly instanceId: string;
  readonly kinds: OfEachKind<KindReport>;
  /** Only users who had changed since then were looked at: Unix time, milliseconds. Null: all. */
  readonly usersSinceMs: number | null;
  /** Ids of the deliveries that were put into the inbox: one for each that was missing, stale or extra, unless a fuse says otherwise. */
  readonly deliveryIds: readonly string[];
  /** The first fuse of any kind. */
  readonly fuse: FuseReason | null;
}

export interface ReconcileOptions {
  /** Only look. @default false */
  readonly isDryRun?: boolean;
  /** What may be deleted of each kind, where an operator knows. @default 5 % of the rows, and 1,000 at most */
  readonly deletionsMax?: number | null;
  /**
   * Only users who have changed since the last complete reconcile began, with ten minutes to spare: deleted ones are not found.
   * Organisations and memberships are compared in full, since Clerk does not list them by the time of their last change
   * (@clerk/backend 3.20.1). Without a reconcile before, all users. @default false
   */
  readonly isRecentOnly?: boolean;
}

export interface ReconcilerParts extends GoneParts {
  readonly listing: ClerkListing;
  readonly ties: TieBreaker;
  readonly inbox: WebhookInbox;
  readonly onProgress: (progress: SyncProgress) => void;
  /** Looked at after each page. */
  readonly signal: AbortSignal;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** What an index of Clerk's may lag behind, milliseconds. */
const RECENT_MARGIN_MS = 600_000;

/**
 * Finds what lost webhooks have left behind, and puts the webhooks that are missing into the inbox, so that the mirror, handlers and
 * revocations follow as they would have. Clerk's word for a deletion is not being listed, and twice not being found.
 */
export class Reconciler {
  readonly #source: RepairSource;
  readonly #deliveryIds: string[] = [];
  /** Users and organisations that Clerk does not have. */
  readonly #goneIds = new Set<string>();

  private constructor(
    private readonly parts: ReconcilerParts,
    private readonly options: ReconcileOptions,
    instanceId: string,
  ) {
    this.#source = { runId: randomUUID(), instanceId };
  }

  /** @throws ClerkError CLERK_*, DATABASE_UNAVAILABLE; the reason of `signal`. What was put into the inbox until then stays, and is right. */
  static async run(parts: ReconcilerParts, options: ReconcileOptions): Promise<ReconcileReport> {
    const { listing, store } = parts;
    const instanceId = await listing.instanceId();
    const known = await store.knownInstanceIds();
    const reconciler = new Reconciler(parts, options, instanceId);
    if (known.some((id) => id !== instanceId))
      return reconciler.#report({ usersSinceMs: null, kinds: EACH_UNTOUCHED });
    return reconciler.#run();
  }

  async #run(): Promise<ReconcileReport> {
    const { listing, store } = this.parts;
    const { isDryRun = false, isRecentOnly = false } = this.options;
    const { instanceId } = this.#source;
    // Before anything is compared: what changes later is for the next run.
    const updatedAtMs = await listing.usersUpdatedAtMs();
    const lastMs = isRecentOnly ? await store.reconciledToMs(instanceId) : null;
    const usersSinceMs = lastMs === null ? null : lastMs - RECENT_MARGIN_MS;
    const kinds: Partial<Record<KindName, KindReport>> = {};
    for (const kind of SYNC_KINDS) kinds[kind.name] = await this.#reconcile(kind, usersSinceMs);
    if (!isDryRun && updatedAtMs !== null) await store.noteReconciled(instanceId, updatedAtMs);
    // The loop has been through all of them.
    return this.#report({ usersSinceMs, kinds: kinds as OfEachKind<KindReport> });
  }

  async #reconcile(kind: SyncKind, usersSinceMs: number | null): Promise<KindReport> {
    const { ties } = this.parts;
    const { isDryRun = false, deletionsMax = null } = this.options;
    const { candidates: ids, ...found } = await this.#look(kind, usersSinceMs);
    const ownerIds = this.#goneIds;
    const { rows, fuse } = await confirmGone(this.parts, { kind, ids, ownerIds, deletionsMax });
    for (const { clerkId } of rows) this.#goneIds.add(clerkId);
    const settled = isDryRun ? 0 : await ties.settle({ kind, instanceId: this.#source.instanceId });
    if (!isDryRun && fuse === null) {
      const { nowMs } = this.parts;
      for (const content of rows)
        await this.#deliver(deletionDelivery(this.#source, kind, { content, nowMs: nowMs() }));
    }
    return { ...found, extra: rows.length, settled, fuse };
  }

  /** One walk; what is missing or stale is mended on the way. */
  async #look(kind: SyncKind, usersSinceMs: number | null) {
    const { listing, store, onProgress, signal } = this.parts;
    const rows = store.rows(kind);
    const isRecent = kind.name === 'users' && usersSinceMs !== null;
    const pages = isRecent
      ? compareRecentUsers(usersSinceMs, listing, rows)
      : compareAll(kind, listing, rows);
    const total = isRecent ? 0 : await kind.count(listing);
    const found = { listed: 0, missing: 0, stale: 0 };
    const candidates: string[] = [];
    for await (const page of pages) {
      found.listed += page.seen;
      found.missing += page.drifted.filter((drifted) => drifted.kind === 'missing').length;
      found.stale += page.drifted.filter((drifted) => drifted.kind === 'behind').length;
      candidates.push(...page.extraIds);
      if (this.options.isDryRun !== true) await this.#mend(kind, page);
      onProgress({ kind: kind.name, done: found.listed, total: Math.max(total, found.listed) });
      signal.throwIfAborted();
    }
    return { ...found, candidates };
  }

  async #mend(kind: SyncKind, { drifted, tiedIds }: ComparedPage): Promise<void> {
    for (const one of drifted) await this.#deliver(updateDelivery(this.#source, kind, one));
    if (tiedIds.length > 0) await this.parts.store.rows(kind).markForRefetch(tiedIds);
  }

  async #deliver(delivery: Parameters<WebhookInbox['store']>[0]): Promise<void> {
    await this.parts.inbox.store(delivery);
    this.#deliveryIds.push(delivery.id);
  }

  #report({ usersSinceMs, kinds }: Pick<ReconcileReport, 'usersSinceMs' | 'kinds'>): ReconcileReport {
    const all = Object.values(kinds);
    const sum = (field: keyof DriftCounts) => all.reduce((total, report) => total + report[field], 0);
    return {
      instanceId: this.#source.instanceId,
      missing: sum('missing'),
      stale: sum('stale'),
      extra: sum('extra'),
      settled: sum('settled'),
      kinds,
      usersSinceMs,
      deliveryIds: this.#deliveryIds,
      fuse: all.find(({ fuse }) => fuse !== null)?.fuse ?? null,
    };
  }
}

const UNTOUCHED: KindReport = {
  listed: 0,
  missing: 0,
  stale: 0,
  extra: 0,
  settled: 0,
  fuse: 'INSTANCE_DIFFERS',
};
const EACH_UNTOUCHED = { users: UNTOUCHED, organizations: UNTOUCHED, memberships: UNTOUCHED };
