export const RUN_COLUMNS = `id::text AS "id", instance_id AS "instanceId", reached_ms::text AS "reachedMs", reached_seen AS "seenAtReached",
  revision, users_seen AS "seen", users_created AS "created", users_updated AS "updated", finished_at AS "finishedAt"`;

// $1 registration
// Guarantees: looks at a bounded number of webhooks, however many are stored. What came before the last job that wrote does not
// count: that job was of the same instance, or an operator has said that the database moves to another.
export const KNOWN_INSTANCES = `WITH latest AS (
    SELECT instance_id AS "instanceId", started_at FROM clerk_sync_runs
    WHERE registration = $1 AND (users_seen > 0 OR reconciled_to_ms IS NOT NULL) ORDER BY started_at DESC LIMIT 1)
  SELECT "instanceId" FROM latest
  UNION
  SELECT "instanceId" FROM (SELECT instance_id AS "instanceId" FROM clerk_webhook_events
    WHERE registration = $1 AND status = 'applied' AND instance_id IS NOT NULL
      AND received_at >= coalesce((SELECT started_at FROM latest), '-infinity')
    ORDER BY received_at DESC LIMIT 1000) AS applied`;

// $1 registration
// Guarantees: looks at a bounded number of webhooks, however many are stored.
export const SHARED = `SELECT EXISTS (SELECT FROM clerk_sync_runs WHERE registration <> $1)
    OR EXISTS (SELECT FROM clerk_webhook_events WHERE registration < $1)
    OR EXISTS (SELECT FROM clerk_webhook_events WHERE registration > $1) AS "isShared"`;

// Guarantees: of several processes that open a walk at once, one makes it and the others find it.
export const LOCK = `SELECT pg_advisory_xact_lock(hashtext('clerk_sync_runs'))::text AS "locked"`;

// $1 registration · $2 instance_id
export const UNFINISHED = `SELECT ${RUN_COLUMNS} FROM clerk_sync_runs
  WHERE registration = $1 AND instance_id = $2 AND finished_at IS NULL AND moved_at > now() - interval '1 day'
  ORDER BY started_at DESC LIMIT 1`;

// $1 registration · $2 instance_id
export const START = `INSERT INTO clerk_sync_runs (registration, instance_id) VALUES ($1, $2) RETURNING ${RUN_COLUMNS}`;

// $1 id
// Guarantees: whoever applies a page of this walk at the same time waits until this transaction ends.
export const CLAIM = `SELECT ${RUN_COLUMNS} FROM clerk_sync_runs WHERE id = $1::uuid FOR UPDATE`;

// $1 id · $2 reached_ms, Unix ms · $3 reached_seen · $4 seen · $5 created · $6 updated, of this page · $7 whether it is the last
export const MOVE = `UPDATE clerk_sync_runs SET reached_ms = $2::bigint, reached_seen = $3::int, users_seen = users_seen + $4::int,
    users_created = users_created + $5::int, users_updated = users_updated + $6::int, revision = revision + 1, moved_at = now(),
    finished_at = CASE WHEN $7::boolean THEN now() END
  WHERE id = $1::uuid RETURNING ${RUN_COLUMNS}`;

// $1 registration · $2 instance_id
export const RECONCILED_TO = `SELECT max(reconciled_to_ms)::text AS "toMs" FROM clerk_sync_runs
  WHERE registration = $1 AND instance_id = $2`;

// $1 registration · $2 instance_id · $3 reconciled_to_ms, Unix ms
// Guarantees: one row for each instance, however often it is reconciled; of two at once the later state stays.
export const NOTE_RECONCILED = `WITH earlier AS (DELETE FROM clerk_sync_runs
    WHERE registration = $1 AND instance_id = $2 AND reconciled_to_ms <= $3::bigint)
  INSERT INTO clerk_sync_runs (registration, instance_id, reconciled_to_ms, finished_at) VALUES ($1, $2, $3::bigint, now())`;
