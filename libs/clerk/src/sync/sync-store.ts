import type { UserPosition } from '../client/all-users.js';
import type { SyncCounts } from './page-writer.js';
import type { SyncKind } from './sync-kind.js';
import type { SyncedRows } from './synced-rows.js';

/** A walk over all users of one Clerk instance, as far as it has come. Every process that opens it goes on from there. */
export interface BackfillRun {
  readonly id: string;
  /** `ins_…` */
  readonly instanceId: string;
  readonly position: UserPosition;
  /** Counts the pages: who has another number than the store is not up to date. */
  readonly revision: number;
  readonly counts: SyncCounts;
  readonly isFinished: boolean;
}

/** A page of users as Clerk has them, and where the walk goes on. */
export interface BackfillPage {
  readonly users: readonly unknown[];
  /** How many of them come again, because the walk broke off at them. */
  readonly seenBefore: number;
  readonly next: UserPosition;
  readonly isLast: boolean;
}

export type PageApplication =
  | { readonly outcome: 'applied'; readonly run: BackfillRun }
  /** Another process has applied a page since: nothing was written, and `run` is how it stands now. */
  | { readonly outcome: 'overtaken'; readonly run: BackfillRun };

/** The rows that follow Clerk, and how far long jobs have come with them. Every method throws ClerkError DATABASE_UNAVAILABLE. */
export abstract class SyncStore {
  abstract rows(kind: SyncKind): SyncedRows;
  /** Instances that this database has been filled from: by an earlier walk, or by webhooks that were applied. Empty: none yet. */
  abstract knownInstanceIds(): Promise<readonly string[]>;
  /** Whether other registrations write to this database too. */
  abstract isShared(): Promise<boolean>;
  /** The unfinished walk over this instance if one came on within a day, else a new one. */
  abstract open(instanceId: string): Promise<BackfillRun>;
  /** Writes the users of a page, as `writePage` does, and the walk's new position, all or nothing. */
  abstract applyPage(run: BackfillRun, page: BackfillPage): Promise<PageApplication>;
  /** Writes a page as `writePage` does, all or nothing. */
  abstract write(kind: SyncKind, items: readonly unknown[]): Promise<SyncCounts>;
  /** When any user of the instance had last changed as the last complete reconcile began: Unix time, milliseconds, by Clerk's clock. */
  abstract reconciledToMs(instanceId: string): Promise<number | null>;
  /** Says that a reconcile that began at this state is complete. */
  abstract noteReconciled(instanceId: string, reconciledToMs: number): Promise<void>;
}
