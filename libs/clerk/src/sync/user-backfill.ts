import type { ClerkListing } from '../client/clerk-listing.js';
import { parseClerkUser } from '../users/clerk-user.js';
import type { UserStep } from '../client/all-users.js';
import type { Patience } from './patience.js';
import type { BackfillCounts, BackfillPage, BackfillRun, SyncStore } from './sync-store.js';
import type { TieBreaker } from './tie-breaker.js';

export interface SyncProgress {
  readonly done: number;
  /** As far as it is known; users may come meanwhile. */
  readonly total: number;
}

export type BackfillResult =
  | ({
      readonly outcome: 'complete';
      readonly instanceId: string;
      /** Rows of which it was not known whether they or Clerk were newer, and that are as Clerk says now. */
      readonly settled: number;
    } & BackfillCounts)
  /** The database belongs to another Clerk instance: nothing was written. */
  | { readonly outcome: 'refused'; readonly reason: 'INSTANCE_DIFFERS'; readonly instanceId: string };

export interface UserBackfillParts {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  /** Null without a database. */
  readonly ties: TieBreaker | null;
  readonly onProgress?: (progress: SyncProgress) => void;
  /** An instance that is taken though the database was filled from another. */
  readonly acceptedInstanceId?: string | null;
  readonly patience: Patience;
}

/**
 * Brings every user of Clerk into the database, by the rules that webhooks are applied by: a later state that is there stays, and
 * so does a tombstone. Calls no handler. Each page is written in one transaction with the place it ends at: cut off anywhere, the
 * next call goes on from there, and several at once share the work.
 */
export class UserBackfill {
  constructor(private readonly parts: UserBackfillParts) {}

  /** @throws ClerkError when Clerk or the database fails five times in a row, or for good */
  async run(): Promise<BackfillResult> {
    const { listing, store, patience, acceptedInstanceId } = this.parts;
    const instanceId = await patience.run(() => listing.instanceId());
    const known = await patience.run(() => store.knownInstanceIds());
    const isKnown = known.length === 0 || known.includes(instanceId) || acceptedInstanceId === instanceId;
    if (!isKnown) return { outcome: 'refused', reason: 'INSTANCE_DIFFERS', instanceId };
    const total = await patience.run(() => listing.countUsers());
    const walk = { run: await patience.run(() => store.open(instanceId)), total };
    while (!walk.run.isFinished) await patience.run(() => this.#walk(walk));
    const settled = await patience.run(async () => (await this.parts.ties?.settleAll()) ?? 0);
    return { outcome: 'complete', instanceId, settled, ...walk.run.counts };
  }

  /** Page after page. Another process that was faster has led further: the walk goes on from its place. */
  async #walk(walk: { run: BackfillRun; readonly total: number }): Promise<void> {
    const { listing, store, patience, onProgress } = this.parts;
    let { seenAtReached: seenBefore } = walk.run.position;
    for await (const step of listing.userSteps(walk.run.position)) {
      const application = await store.applyPage(walk.run, toPage(step, seenBefore));
      seenBefore = 0;
      walk.run = application.run;
      patience.noteProgress();
      const { seen: done } = walk.run.counts;
      onProgress?.({ done, total: Math.max(walk.total, done) });
      if (application.outcome === 'overtaken') return;
    }
  }
}

/** `seenBefore`: how many come again because the walk broke off at them. */
function toPage({ users, next, isLast }: UserStep, seenBefore: number): BackfillPage {
  const profiles = users.flatMap(({ raw }) => parseClerkUser(raw) ?? []);
  return { profiles, seen: profiles.length - seenBefore, next, isLast };
}
