import type { UserPosition } from '../client/all-users.js';
import type { UserProfile } from '../users/mirrored-user.js';

export interface BackfillCounts {
  /** Users of Clerk that were looked at. */
  readonly seen: number;
  /** Rows that were not there. */
  readonly created: number;
  /** Rows that were older. */
  readonly updated: number;
}

/** A walk over all users of one Clerk instance, as far as it has come. Every process that opens it goes on from there. */
export interface BackfillRun {
  readonly id: string;
  /** `ins_…` */
  readonly instanceId: string;
  readonly position: UserPosition;
  /** Counts the pages: who has another number than the store is not up to date. */
  readonly revision: number;
  readonly counts: BackfillCounts;
  readonly isFinished: boolean;
}

/** A page of users as Clerk has them, and where the walk goes on. */
export interface BackfillPage {
  readonly profiles: readonly UserProfile[];
  /** How many more have been looked at with this page than before it. */
  readonly seen: number;
  readonly next: UserPosition;
  readonly isLast: boolean;
}

export type PageApplication =
  | { readonly outcome: 'applied'; readonly run: BackfillRun }
  /** Another process has applied a page since: nothing was written, and `run` is how it stands now. */
  | { readonly outcome: 'overtaken'; readonly run: BackfillRun };

/** Where walks are remembered, beside the users they fill. */
export abstract class SyncStore {
  /**
   * Instances that this database has been filled from: by an earlier walk, or by webhooks that were applied. Empty: none yet.
   *
   * @throws ClerkError DATABASE_UNAVAILABLE
   */
  abstract knownInstanceIds(): Promise<readonly string[]>;
  /** The unfinished walk over this instance if one came on within a day, else a new one. @throws ClerkError DATABASE_UNAVAILABLE */
  abstract open(instanceId: string): Promise<BackfillRun>;
  /**
   * Writes the users of a page by the mirror's rules, and the walk's new position, in one transaction. A row that claims the very
   * version that Clerk gave, with other content, is marked to be fetched by itself.
   *
   * @throws ClerkError DATABASE_UNAVAILABLE
   */
  abstract applyPage(run: BackfillRun, page: BackfillPage): Promise<PageApplication>;
}
