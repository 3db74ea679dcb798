import { type ClerkDatabase, type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { prismaMirror } from '../mirror/prisma-mirror.js';
import { snapshotVersion } from './snapshot.js';
import {
  type BackfillCounts,
  type BackfillPage,
  type BackfillRun,
  type PageApplication,
  SyncStore,
} from './sync-store.js';
import { driftOf } from './user-drift.js';
import { UserRows } from './user-rows.js';

/** A page is hundreds of rows: longer than a webhook's transaction may take, and still bounded. Milliseconds. */
const TRANSACTION = { maxWait: 5_000, timeout: 20_000 };
const TRANSACTION_ANSWER_MS = TRANSACTION.maxWait + TRANSACTION.timeout + 500;

const COLUMNS = `id::text AS "id", instance_id AS "instanceId", reached_ms::text AS "reachedMs", reached_seen AS "seenAtReached",
  revision, users_seen AS "seen", users_created AS "created", users_updated AS "updated", finished_at AS "finishedAt"`;

// $1 registration
// Guarantees: looks at a bounded number of webhooks, however many are stored.
const KNOWN_INSTANCES = `SELECT DISTINCT "instanceId" FROM (
    (SELECT instance_id AS "instanceId" FROM clerk_sync_runs WHERE registration = $1 AND users_seen > 0
      ORDER BY started_at DESC LIMIT 1)
    UNION ALL
    (SELECT instance_id FROM clerk_webhook_events WHERE registration = $1 AND status = 'applied' AND instance_id IS NOT NULL LIMIT 1000)
  ) AS known`;

// Guarantees: of several processes that open a walk at once, one makes it and the others find it.
const LOCK = `SELECT pg_advisory_xact_lock(hashtext('clerk_sync_runs'))::text AS "locked"`;

// $1 registration · $2 instance_id
const UNFINISHED = `SELECT ${COLUMNS} FROM clerk_sync_runs
  WHERE registration = $1 AND instance_id = $2 AND finished_at IS NULL AND moved_at > now() - interval '1 day'
  ORDER BY started_at DESC LIMIT 1`;

// $1 registration · $2 instance_id
const START = `INSERT INTO clerk_sync_runs (registration, instance_id) VALUES ($1, $2) RETURNING ${COLUMNS}`;

// $1 id
// Guarantees: whoever applies a page of this walk at the same time waits until this transaction ends.
const CLAIM = `SELECT ${COLUMNS} FROM clerk_sync_runs WHERE id = $1::uuid FOR UPDATE`;

// $1 id · $2 reached_ms, Unix ms · $3 reached_seen · $4 seen · $5 created · $6 updated, of this page · $7 whether it is the last
const MOVE = `UPDATE clerk_sync_runs SET reached_ms = $2::bigint, reached_seen = $3::int, users_seen = users_seen + $4::int,
    users_created = users_created + $5::int, users_updated = users_updated + $6::int, revision = revision + 1, moved_at = now(),
    finished_at = CASE WHEN $7::boolean THEN now() END
  WHERE id = $1::uuid RETURNING ${COLUMNS}`;

/** In the host's PostgreSQL database. */
export class PrismaSyncStore extends SyncStore {
  constructor(
    private readonly database: ClerkDatabase,
    private readonly registration: string,
  ) {
    super();
  }

  async knownInstanceIds(): Promise<readonly string[]> {
    const rows = await databaseAnswer(
      this.database.$queryRawUnsafe<{ instanceId: string }[]>(KNOWN_INSTANCES, this.registration),
    );
    return rows.map(({ instanceId }) => instanceId);
  }

  open(instanceId: string): Promise<BackfillRun> {
    return this.#transaction(async (transaction) => {
      await transaction.$queryRawUnsafe(LOCK);
      const words = [this.registration, instanceId] as const;
      const [unfinished] = await transaction.$queryRawUnsafe<RunRow[]>(UNFINISHED, ...words);
      if (unfinished !== undefined) return toRun(unfinished);
      const [started] = await transaction.$queryRawUnsafe<RunRow[]>(START, ...words);
      return toRun(started);
    });
  }

  applyPage(run: BackfillRun, page: BackfillPage): Promise<PageApplication> {
    return this.#transaction(async (transaction): Promise<PageApplication> => {
      const [claimed] = await transaction.$queryRawUnsafe<RunRow[]>(CLAIM, run.id);
      const current = toRun(claimed);
      if (current.isFinished || current.revision !== run.revision)
        return { outcome: 'overtaken', run: current };
      const counts = await write(transaction, page);
      const [moved] = await transaction.$queryRawUnsafe<RunRow[]>(
        MOVE,
        run.id,
        page.next.reachedMs,
        page.next.seenAtReached,
        counts.seen,
        counts.created,
        counts.updated,
        page.isLast,
      );
      return { outcome: 'applied', run: toRun(moved) };
    });
  }

  #transaction<T>(work: (transaction: ClerkDatabaseConnection) => Promise<T>): Promise<T> {
    return databaseAnswer(this.database.$transaction(work, TRANSACTION), TRANSACTION_ANSWER_MS);
  }
}

async function write(
  transaction: ClerkDatabaseConnection,
  { profiles, seen }: BackfillPage,
): Promise<BackfillCounts> {
  const table = new UserRows(transaction);
  const rows = await table.byIds(profiles.map(({ clerkId }) => clerkId));
  const { users } = prismaMirror(transaction);
  const tiedIds: string[] = [];
  let [created, updated] = [0, 0];
  for (const profile of profiles) {
    const drift = driftOf(profile, rows.get(profile.clerkId));
    if (drift === 'tied') tiedIds.push(profile.clerkId);
    if (drift !== 'missing' && drift !== 'behind') continue;
    // What the mirror finds counts: a webhook may have come in between.
    const { outcome } = await users.upsert(profile, snapshotVersion(profile));
    if (outcome === 'created') created += 1;
    if (outcome === 'updated') updated += 1;
  }
  if (tiedIds.length > 0) await table.markForRefetch(tiedIds);
  return { seen, created, updated };
}

interface RunRow extends BackfillCounts {
  readonly id: string;
  readonly instanceId: string;
  /** As text, since drivers disagree on what a bigint is. */
  readonly reachedMs: string | null;
  readonly seenAtReached: number;
  readonly revision: number;
  readonly finishedAt: Date | null;
}

function toRun(row: RunRow | undefined): BackfillRun {
  if (row === undefined) throw new Error('The walk was removed from clerk_sync_runs while it went on.');
  const { id, instanceId, reachedMs, seenAtReached, revision, finishedAt, seen, created, updated } = row;
  return {
    id,
    instanceId,
    revision,
    position: { reachedMs: reachedMs === null ? null : Number(reachedMs), seenAtReached },
    counts: { seen, created, updated },
    isFinished: finishedAt !== null,
  };
}
