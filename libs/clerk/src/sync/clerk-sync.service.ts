import { setTimeout as wait } from 'node:timers/promises';

import type { OnModuleDestroy } from '@nestjs/common';

import type { ClerkListing } from '../client/clerk-listing.js';
import type { WebhookInbox } from '../webhooks/webhook-inbox.js';
import { Backfill, type BackfillResult, type SyncProgress } from './backfill.js';
import { Patience } from './patience.js';
import { type ReconcileOptions, Reconciler, type ReconcileReport } from './reconciler.js';
import type { SyncStore } from './sync-store.js';
import { TieBreaker } from './tie-breaker.js';

export interface SyncOptions {
  /** Called after each page. */
  readonly onProgress?: (progress: SyncProgress) => void;
  /** Ends the job at the next page, or in a pause: it rejects with the reason, and the next one goes on from there. */
  readonly signal?: AbortSignal;
}

export interface BackfillOptions extends SyncOptions {
  /** An instance (`ins_…`) that is taken though the database was filled from another. @default none */
  readonly acceptedInstanceId?: string | null;
}

export interface ClerkSyncParts {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  /** Where the webhooks go that were lost. */
  readonly inbox: WebhookInbox;
  /** Rejects when the signal is aborted. @default a timer */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Unix time, milliseconds. @default Date.now */
  readonly nowMs?: () => number;
}

const SHUTDOWN_MS_MAX = 10_000;

/**
 * Keeps a database in step with Clerk beside the webhooks: fills it, and finds what webhooks have missed. Both at Clerk's pace, so
 * that they may take minutes; both may run at once, several times, and in several processes.
 *
 * Without a secret key both reject with ClerkError CLERK_SECRET_KEY_REJECTED; without a database they work on this process's rows.
 * A shutdown of the application ends what is under way as `signal` does.
 */
export class ClerkSync implements OnModuleDestroy {
  readonly #ties: TieBreaker;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(private readonly parts: ClerkSyncParts) {
    this.#ties = new TieBreaker(parts);
  }

  /**
   * Brings every user, organisation and membership of Clerk into the database, by the rules that webhooks are applied by. Calls no
   * handler but for rows in doubt. Cut off, users go on where they were; run again, it writes what has changed.
   *
   * @throws ClerkError CLERK_*, DATABASE_UNAVAILABLE after five failures in a row, or for good
   */
  backfill({ acceptedInstanceId = null, ...options }: BackfillOptions = {}): Promise<BackfillResult> {
    return this.#run(options, (job) => {
      const patience = new Patience(job.sleep);
      return new Backfill({ ...job, patience, acceptedInstanceId }).run();
    });
  }

  /**
   * Compares Clerk with the database and puts the webhooks that are missing into the inbox: applied as any other, with handlers, at
   * the next poll. Deletes nothing that Clerk still has, nor more than can be meant: see `fuse` of the report.
   *
   * @throws ClerkError CLERK_*, DATABASE_UNAVAILABLE: what was put into the inbox until then stays, and is right
   */
  reconcile({
    onProgress,
    signal,
    ...options
  }: ReconcileOptions & SyncOptions = {}): Promise<ReconcileReport> {
    const { inbox, nowMs = Date.now } = this.parts;
    const job = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
    return this.#run(job, (parts) => Reconciler.run({ ...parts, inbox, nowMs }, options));
  }

  /**
   * Asks Clerk for rows of which two different states claim the same `updated_at`, and puts what it says into the inbox: applied as
   * any webhook, with handlers, at the next poll. At most 100 users, organisations and memberships each; the next ones with each
   * call. The module calls it soon after the start and every hour where it has a secret key.
   *
   * @returns how many were put into the inbox @throws ClerkError CLERK_*, DATABASE_UNAVAILABLE
   */
  settleDoubts(): Promise<number> {
    return this.#run({}, ({ signal }) => this.#ties.settleSome(signal));
  }

  /** Waits for the page in hand (at most 10 s). */
  async onModuleDestroy(): Promise<void> {
    this.#stop.abort();
    const limit = new AbortController();
    // Each rejects where it is awaited.
    const ended = Promise.allSettled(this.#underWay).then(() => limit.abort());
    await Promise.race([
      ended,
      wait(SHUTDOWN_MS_MAX, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
  }

  #run<Result>({ onProgress = () => undefined, signal }: SyncOptions, work: (job: Job) => Promise<Result>) {
    const { listing, store, sleep = sleepUntil } = this.parts;
    const stop = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    const job = {
      listing,
      store,
      ties: this.#ties,
      onProgress,
      signal: stop,
      sleep: (ms: number) => sleep(ms, stop),
    };
    const running = begin(stop, () => work(job));
    this.#underWay.add(running);
    const forget = () => this.#underWay.delete(running);
    running.then(forget, forget);
    return running;
  }
}

interface Job {
  readonly listing: ClerkListing;
  readonly store: SyncStore;
  readonly ties: TieBreaker;
  readonly onProgress: (progress: SyncProgress) => void;
  readonly signal: AbortSignal;
  readonly sleep: (ms: number) => Promise<unknown>;
}

async function begin<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  signal.throwIfAborted();
  return work();
}

function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  return wait(ms, undefined, { signal });
}
