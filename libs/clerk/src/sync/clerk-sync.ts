import { setTimeout as wait } from 'node:timers/promises';

import type { ClerkDatabase } from '../clerk-database.js';
import { databaseAnswer } from '../clerk-database.js';
import type { ClerkListing } from '../client/clerk-listing.js';
import { prismaMirror } from '../mirror/prisma-mirror.js';
import type { WebhookInbox } from '../webhooks/webhook-inbox.js';
import { OrganizationBackfill, type OrganizationCounts } from './organization-backfill.js';
import { Patience } from './patience.js';
import { PrismaSyncStore } from './prisma-sync-store.js';
import { TieBreaker } from './tie-breaker.js';
import { type BackfillResult, type SyncProgress, UserBackfill } from './user-backfill.js';
import { type ReconcileOptions, type ReconcileReport, UserReconciler } from './user-reconciler.js';
import { UserRows } from './user-rows.js';

// $1 registration
// Guarantees: looks at a bounded number of webhooks, however many are stored.
const SHARED = `SELECT EXISTS (SELECT FROM clerk_sync_runs WHERE registration <> $1)
    OR EXISTS (SELECT FROM clerk_webhook_events WHERE registration < $1)
    OR EXISTS (SELECT FROM clerk_webhook_events WHERE registration > $1) AS "isShared"`;

export type SyncResult =
  | Exclude<BackfillResult, { outcome: 'complete' }>
  | (Extract<BackfillResult, { outcome: 'complete' }> &
      Omit<OrganizationCounts, 'written'> & {
        /** Organisations and memberships that were not there, or were older. */
        readonly organizationRowsWritten: number;
      });

export interface ClerkSyncParts {
  readonly database: ClerkDatabase;
  /** Name of the registration: `default`, unless it has one. */
  readonly registration: string;
  readonly listing: ClerkListing;
  /** Where the webhooks go that were lost. */
  readonly inbox: WebhookInbox;
  readonly onProgress?: (progress: SyncProgress) => void;
  /** @default a timer */
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Unix time, milliseconds. @default Date.now */
  readonly nowMs?: () => number;
}

/** Keeps a database in step with Clerk beside the webhooks: fills it, and finds what webhooks have missed. */
export class ClerkSync {
  readonly #rows: UserRows;
  readonly #store: PrismaSyncStore;
  readonly #ties: TieBreaker;

  constructor(private readonly parts: ClerkSyncParts) {
    this.#rows = new UserRows(parts.database);
    this.#store = new PrismaSyncStore(parts.database, parts.registration);
    this.#ties = new TieBreaker({ listing: parts.listing, rows: this.#rows });
  }

  /** Users, then organisations and who is in them: see `UserBackfill`, `OrganizationBackfill`. @throws ClerkError */
  async backfill(options: { acceptedInstanceId?: string | null } = {}): Promise<SyncResult> {
    const { database, listing, onProgress, sleep = wait } = this.parts;
    const patience = new Patience(sleep);
    const users = await new UserBackfill({
      listing,
      store: this.#store,
      ties: this.#ties,
      patience,
      ...options,
      ...(onProgress === undefined ? {} : { onProgress }),
    }).run();
    if (users.outcome === 'refused') return users;
    const organizations = new OrganizationBackfill({
      listing,
      mirror: prismaMirror(database),
      patiently: (work) => patience.run(work),
    });
    const { written, ...counts } = await organizations.run();
    return { ...users, ...counts, organizationRowsWritten: written };
  }

  /** See `UserReconciler`. @throws ClerkError */
  reconcile(options: ReconcileOptions = {}): Promise<ReconcileReport> {
    const { listing, inbox, onProgress, sleep = wait, nowMs = Date.now } = this.parts;
    return new UserReconciler({
      listing,
      store: this.#store,
      rows: this.#rows,
      ties: this.#ties,
      inbox,
      isDatabaseShared: () => this.#isShared(),
      sleep,
      nowMs,
      ...(onProgress === undefined ? {} : { onProgress }),
    }).run(options);
  }

  async #isShared(): Promise<boolean> {
    const { database, registration } = this.parts;
    const [row] = await databaseAnswer(
      database.$queryRawUnsafe<{ isShared: boolean }[]>(SHARED, registration),
    );
    return row?.isShared ?? false;
  }
}
