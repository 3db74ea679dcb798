import type { UserStep } from '../client/all-users.js';
import type { ClerkListing } from '../client/clerk-listing.js';
import type { SyncCounts } from './page-writer.js';
import type { Patience } from './patience.js';
import { type KindName, type OfEachKind, type SyncKind, SYNC_KINDS, USER_KIND } from './sync-kind.js';
import type { BackfillPage, BackfillRun, SyncStore } from './sync-store.js';
import type { TieBreaker } from './tie-breaker.js';

export interface SyncProgress {
  readonly kind: KindName;
  readonly done: number;
  /** As far as it is known; more may come meanwhile. */
  readonly total: number;
}

export type BackfillResult =
  | {
      readonly outcome: 'complete';
      readonly instanceId: string;
      readonly kinds: OfEachKind<SyncCounts>;
      /** Rows of which it was not known whether they or Clerk were newer, and of which Clerk's word was put into the inbox. */
      readonly settled: number;
    }
  /** The database belongs to another Clerk instance: nothing was written. */
  | { readonly outcome: 'refused'; readonly reason: 'INSTANCE_DIFFERS'; readonly instanceId: string };

export interface BackfillParts {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  readonly ties: TieBreaker;
  readonly patience: Patience;
  readonly onProgress: (progress: SyncProgress) => void;
  /** An instance that is taken though the database was filled from another. */
  readonly acceptedInstanceId: string | null;
  /** Looked at after each page. */
  readonly signal: AbortSignal;
}

/**
 * Brings everything of Clerk that the database follows into it, by the rules that webhooks are applied by: a later state that is
 * there stays, and so does a tombstone. Calls no handler, but for rows in doubt: what Clerk says of those is put into the inbox. Each page is written in one transaction, and for users with the place it
 * ends at: cut off anywhere, the next call goes on from there, and several at once share the work. Organisations and memberships,
 * which Clerk lists by offset only, are listed again; what is there already is not written.
 */
export class Backfill {
  constructor(private readonly parts: BackfillParts) {}

  /** @throws ClerkError when Clerk or the database fails five times in a row, or for good; the reason of `signal` */
  async run(): Promise<BackfillResult> {
    const { listing, store, patience, acceptedInstanceId, ties } = this.parts;
    const instanceId = await patience.run(() => listing.instanceId());
    const known = await patience.run(() => store.knownInstanceIds());
    const isKnown = known.every((id) => id === instanceId) || acceptedInstanceId === instanceId;
    if (!isKnown) return { outcome: 'refused', reason: 'INSTANCE_DIFFERS', instanceId };
    const kinds: Partial<Record<KindName, SyncCounts>> = {};
    for (const kind of SYNC_KINDS) {
      const total = await patience.run(() => kind.count(listing));
      kinds[kind.name] =
        kind.name === 'users' ? await this.#users(instanceId, total) : await this.#others(kind, total);
    }
    const settled = await patience.run(() => ties.settleAll(instanceId));
    // The loop has been through all of them.
    return { outcome: 'complete', instanceId, kinds: kinds as OfEachKind<SyncCounts>, settled };
  }

  async #users(instanceId: string, total: number): Promise<SyncCounts> {
    const { store, patience } = this.parts;
    const walk = { run: await patience.run(() => store.open(instanceId)), total };
    while (!walk.run.isFinished) await patience.run(() => this.#walkUsers(walk));
    return walk.run.counts;
  }

  /** Page after page. Another process that was faster has led further: the walk goes on from its place. */
  async #walkUsers(walk: { run: BackfillRun; readonly total: number }): Promise<void> {
    const { listing, store, patience } = this.parts;
    let { seenAtReached: seenBefore } = walk.run.position;
    for await (const step of listing.userSteps(walk.run.position)) {
      const application = await store.applyPage(walk.run, toPage(step, seenBefore));
      seenBefore = 0;
      walk.run = application.run;
      patience.noteProgress();
      this.#tell(USER_KIND, walk.run.counts.seen, walk.total);
      if (application.outcome === 'overtaken') return;
    }
  }

  async #others(kind: SyncKind, total: number): Promise<SyncCounts> {
    const { listing, store, patience } = this.parts;
    let [created, updated, furthest] = [0, 0, 0];
    const walk = async (): Promise<number> => {
      let seen = 0;
      for await (const { items } of kind.steps(listing)) {
        const counts = await store.write(kind, items);
        seen += counts.seen;
        created += counts.created;
        updated += counts.updated;
        // Begun again after a failure, it is only past the place of that failure that it has come on.
        if (seen > furthest) patience.noteProgress();
        furthest = Math.max(furthest, seen);
        this.#tell(kind, seen, total);
      }
      return seen;
    };
    const seen = await patience.run(walk);
    return { seen, created, updated };
  }

  #tell(kind: SyncKind, done: number, total: number): void {
    const { onProgress, signal } = this.parts;
    onProgress({ kind: kind.name, done, total: Math.max(total, done) });
    signal.throwIfAborted();
  }
}

function toPage({ users, next, isLast }: UserStep, seenBefore: number): BackfillPage {
  return { users: users.map(({ raw }) => raw), seenBefore, next, isLast };
}
