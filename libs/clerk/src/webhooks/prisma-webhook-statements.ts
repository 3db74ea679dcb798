import { HANDLER_TIMED_OUT } from './handler-time.js';
import type { ClaimKind } from './webhook-inbox.js';

/** How long whoever has claimed a delivery has for holding its row: more than a transaction waits for a connection. */
const CLAIM_SECONDS = 5;

// $1 registration · $2 most rows
// Guarantees: that the attempts begin is committed before anything is done, so that a process that dies of one leaves its mark.
// The claim itself is the row lock of HOLD; until that is taken, the others are kept away by the time of the next attempt.
const claim = (which: string) => `WITH due AS MATERIALIZED (
    SELECT id, next_attempt_at FROM clerk_webhook_events
    WHERE registration = $1 AND status = 'pending' AND ${which} AND next_attempt_at <= now()
    ORDER BY next_attempt_at, id LIMIT $2::int FOR UPDATE SKIP LOCKED)
  UPDATE clerk_webhook_events AS event
  SET starts = event.starts + 1, next_attempt_at = now() + interval '${CLAIM_SECONDS} seconds'
  FROM due WHERE event.id = due.id
  RETURNING event.id, event.type, event.entity_id AS "entityId", event.user_id AS "userId", event.instance_id AS "instanceId",
    event.timestamp_ms::text AS "timestampMs", event.payload, event.attempts, event.starts,
    extract(epoch FROM now() - event.received_at)::float8 * 1000 AS "waitedMs", due.next_attempt_at AS "dueAt"`;

/** Of those that are neither slow nor suspect no attempt is under way or was cut off. */
export const CLAIM: Readonly<Record<ClaimKind, string>> = {
  fresh: claim(`starts = 0 AND last_error IS DISTINCT FROM '${HANDLER_TIMED_OUT}'`),
  slow: claim(`starts = 0 AND last_error = '${HANDLER_TIMED_OUT}'`),
  suspect: claim('starts > 0'),
};

/** Of the row `event`: none of a deleted user, even if it came after the deletion. */
const PAYLOAD_KEPT = `CASE
    WHEN EXISTS (SELECT FROM users WHERE clerk_id = event.user_id AND deleted_at IS NOT NULL) THEN NULL ELSE payload END`;

// $1 id · $2 attempts that failed before
// Guarantees: the row lock is the claim. Nobody else gets the row before this transaction ends, and it ends with the process. The row
// is marked as applied already, as most end: nobody sees that before the commit, nor at all if there is none.
export const HOLD = `UPDATE clerk_webhook_events AS event SET status = 'applied', attempts = attempts + 1, starts = 0,
    finished_at = now(), last_error = NULL, payload = ${PAYLOAD_KEPT}
  WHERE id = (SELECT id FROM clerk_webhook_events WHERE id = $1 AND status = 'pending' AND attempts = $2::int
    FOR UPDATE SKIP LOCKED)
  RETURNING payload IS NULL AS "isWiped"`;

// $1 id of a user
// Guarantees: a deletion of the user that is under way is waited for, also of one whom the mirror has never seen, and what comes next in
// the transaction sees it; one that comes later waits for the end of the transaction, and finds what it has kept.
export const AWAIT_DELETION = `SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))::text AS "locked"`;

// $1 id · $2 status
// Guarantees: no payload is kept that nothing follows from, and, behind AWAIT_DELETION, none of a deleted user.
export const CORRECT = `UPDATE clerk_webhook_events AS event SET status = $2,
    payload = CASE WHEN $2 IN ('ignored', 'foreign')
      OR (SELECT deleted_at IS NOT NULL FROM users WHERE clerk_id = event.user_id) THEN NULL ELSE payload END
  WHERE id = $1`;

// $1 id of the deleted user
// Guarantees: waits for nobody, who may wait for the row of the user. Whoever holds a row wipes it at the end.
export const WIPE_PAYLOADS = `UPDATE clerk_webhook_events SET payload = NULL WHERE id IN (
    SELECT id FROM clerk_webhook_events WHERE user_id = $1 AND payload IS NOT NULL FOR UPDATE SKIP LOCKED)`;

// $1 id · $2 attempts so far · $3 status · $4 delay before the next attempt, ms · $5 name of the failure
// Guarantees: counts only if nobody else has counted or finished since. What is given up keeps no address of somebody whom it does
// not name by id, as an invitation does: no deletion would find it.
export const FAIL = `UPDATE clerk_webhook_events AS event SET attempts = $2::int, starts = 0, status = $3, last_error = $5,
    next_attempt_at = now() + make_interval(secs => $4::float8 / 1000),
    finished_at = CASE WHEN $3 = 'dead' THEN now() END,
    payload = CASE WHEN $3 = 'dead' AND user_id IS NULL AND payload #> '{data,email_address}' IS NOT NULL THEN NULL
      ELSE ${PAYLOAD_KEPT} END
  WHERE id = $1 AND status = 'pending' AND attempts = $2::int - 1`;

// $1 id · $2 attempts that failed before · $3 delay before the next attempt, ms · $4 name of the failure
// Guarantees: an outage counts neither as an attempt that failed nor as one that ended its process.
export const POSTPONE = `UPDATE clerk_webhook_events AS event SET starts = 0, last_error = $4, payload = ${PAYLOAD_KEPT},
    next_attempt_at = now() + make_interval(secs => $3::float8 / 1000)
  WHERE id = $1 AND status = 'pending' AND attempts = $2::int`;

// $1 ids, a JSON array
// Guarantees: an attempt that never began, or that ended in an outage, is not counted as one that was cut off. Who works on one
// meanwhile is not waited for: the end of that work says what counts.
export const RELEASE = `UPDATE clerk_webhook_events SET starts = greatest(starts - 1, 0), next_attempt_at = now()
  WHERE id IN (SELECT id FROM clerk_webhook_events
    WHERE status = 'pending' AND id IN (SELECT jsonb_array_elements_text($1::jsonb)) FOR UPDATE SKIP LOCKED)`;

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
