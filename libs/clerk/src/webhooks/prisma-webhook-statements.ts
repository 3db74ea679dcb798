/** How long whoever has claimed a delivery has for holding its row: more than a transaction waits for a connection. */
const CLAIM_SECONDS = 5;

// $1 registration · $2 most rows
// Guarantees: that the attempts begin is committed before anything is done, so that a process that dies of one leaves its mark.
// The claim itself is the row lock of HOLD; until that is taken, the others are kept away by the time of the next attempt.
const claim = (starts: string) => `WITH due AS MATERIALIZED (
    SELECT id, next_attempt_at FROM clerk_webhook_events
    WHERE registration = $1 AND status = 'pending' AND starts ${starts} AND next_attempt_at <= now()
    ORDER BY next_attempt_at, id LIMIT $2::int FOR UPDATE SKIP LOCKED)
  UPDATE clerk_webhook_events AS event
  SET starts = event.starts + 1, next_attempt_at = now() + interval '${CLAIM_SECONDS} seconds'
  FROM due WHERE event.id = due.id
  RETURNING event.id, event.type, event.entity_id AS "entityId", event.user_id AS "userId", event.instance_id AS "instanceId",
    event.timestamp_ms::text AS "timestampMs", event.payload, event.attempts, event.starts, due.next_attempt_at AS "dueAt"`;

/** Those of which no attempt is under way or was cut off. */
export const CLAIM_FRESH = claim('= 0');
export const CLAIM_SUSPECT = claim('> 0');

// $1 id · $2 attempts that failed before
// Guarantees: the row lock is the claim. Nobody else gets the row before this transaction ends, and it ends with the process.
export const HOLD = `SELECT 1 AS held FROM clerk_webhook_events WHERE id = $1 AND status = 'pending' AND attempts = $2::int
  FOR UPDATE SKIP LOCKED`;

// $1 id · $2 status
// Guarantees: no payload of a deleted user is kept, even if it came after the deletion, and none that nothing follows from.
export const FINISH = `UPDATE clerk_webhook_events AS event SET status = $2, attempts = attempts + 1, starts = 0,
    finished_at = now(), last_error = NULL, payload = CASE WHEN $2 IN ('ignored', 'foreign') OR EXISTS
      (SELECT FROM users WHERE clerk_id = event.user_id AND deleted_at IS NOT NULL) THEN NULL ELSE payload END
  WHERE id = $1`;

// $1 id of the deleted user
export const WIPE_PAYLOADS = `UPDATE clerk_webhook_events SET payload = NULL WHERE user_id = $1 AND payload IS NOT NULL`;

// $1 id · $2 attempts so far · $3 status · $4 delay before the next attempt, ms · $5 name of the failure
// Guarantees: counts only if nobody else has counted or finished since.
export const FAIL = `UPDATE clerk_webhook_events SET attempts = $2::int, starts = 0, status = $3, last_error = $5,
    next_attempt_at = now() + make_interval(secs => $4::float8 / 1000),
    finished_at = CASE WHEN $3 = 'dead' THEN now() END
  WHERE id = $1 AND status = 'pending' AND attempts = $2::int - 1`;

// $1 ids, a JSON array
// Guarantees: an attempt that never began is not counted as one that was cut off.
export const RELEASE = `UPDATE clerk_webhook_events SET starts = greatest(starts - 1, 0), next_attempt_at = now()
  WHERE status = 'pending' AND id IN (SELECT jsonb_array_elements_text($1::jsonb))`;

// $1 registration · $2 days that they are kept · $3 most rows
// Guarantees: what waits to be applied keeps its payload. Several may prune at once: nobody waits for a row of another's.
export const PRUNE_PAYLOADS = `UPDATE clerk_webhook_events SET payload = NULL, payload_since = NULL WHERE id IN (
    SELECT id FROM clerk_webhook_events WHERE registration = $1 AND status <> 'pending'
      AND payload_since < now() - make_interval(days => $2::int)
    LIMIT $3::int FOR UPDATE SKIP LOCKED)`;

// $1 registration · $2 days that they are kept · $3 most rows
// Guarantees: what waits to be applied stays. Several may prune at once.
export const PRUNE_IDS = `DELETE FROM clerk_webhook_events WHERE id IN (
    SELECT id FROM clerk_webhook_events WHERE registration = $1 AND status <> 'pending'
      AND received_at < now() - make_interval(days => $2::int)
    LIMIT $3::int FOR UPDATE SKIP LOCKED)`;

// $1 registration
export const BACKLOG = `SELECT
    (SELECT count(*)::int FROM clerk_webhook_events WHERE registration = $1 AND status = 'pending') AS pending,
    (SELECT count(*)::int FROM clerk_webhook_events WHERE registration = $1 AND status = 'dead') AS dead,
    coalesce((SELECT extract(epoch FROM now() - min(received_at))::float8 FROM clerk_webhook_events
      WHERE registration = $1 AND status = 'pending'), 0) AS "oldestPendingSeconds",
    (SELECT extract(epoch FROM now() - max(received_at))::float8 FROM clerk_webhook_events
      WHERE registration = $1) AS "lastReceivedSeconds"`;
