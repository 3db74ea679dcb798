import { type ClerkDatabase, type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { prismaMirror } from '../mirror/prisma-mirror.js';
import { ATTEMPTS_MAX, failureName, retryDelayMs } from './retry-delay.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import { type ApplyDelivery, type ApplyResult, type DrainStep, WebhookInbox } from './webhook-inbox.js';

/** How long a transaction may wait for a connection, and how long it may run, milliseconds. */
const TRANSACTION = { maxWait: 2_000, timeout: 8_000 };

/** A little more than the client's own limits, for a connection that swallows what it is told. */
const TRANSACTION_ANSWER_MS = TRANSACTION.maxWait + TRANSACTION.timeout + 500;

// $1 id · $2 type · $3 entity_id · $4 user_id · $5 instance_id · $6 timestamp_ms, Unix ms · $7 payload, JSON text or null · $8 registration
// Guarantees: a delivery is a row once, however often and at how many instances at once it arrives. One that was parked as dead
// and is sent again is due again: that is how an operator replays it, from Clerk's dashboard.
const STORE = `INSERT INTO clerk_webhook_events (id, type, entity_id, user_id, instance_id, timestamp_ms, payload, registration)
  VALUES ($1, $2, $3, $4, $5, $6::bigint, $7::jsonb, $8) ON CONFLICT (id) DO UPDATE
  SET status = 'pending', attempts = 0, next_attempt_at = now(), finished_at = NULL, payload = EXCLUDED.payload
  WHERE clerk_webhook_events.status = 'dead'`;

// $1 registration
// Guarantees: the row lock is the claim. Nobody else gets the row before this transaction ends, and it ends with the process.
const CLAIM = `SELECT id, type, entity_id AS "entityId", user_id AS "userId", instance_id AS "instanceId",
    timestamp_ms::text AS "timestampMs", payload, attempts
  FROM clerk_webhook_events WHERE registration = $1 AND status = 'pending' AND next_attempt_at <= now()
  ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`;

// $1 id · $2 status
// Guarantees: no payload of a deleted user is kept, even if it came after the deletion, and none that nothing follows from.
const FINISH = `UPDATE clerk_webhook_events AS event SET status = $2, attempts = attempts + 1, finished_at = now(),
    last_error = NULL, payload = CASE WHEN $2 = 'ignored' OR EXISTS
      (SELECT FROM users WHERE clerk_id = event.user_id AND deleted_at IS NOT NULL) THEN NULL ELSE payload END
  WHERE id = $1`;

// $1 id of the deleted user
const WIPE_PAYLOADS = `UPDATE clerk_webhook_events SET payload = NULL WHERE user_id = $1 AND payload IS NOT NULL`;

// $1 id · $2 attempts so far · $3 status · $4 delay before the next attempt, ms · $5 name of the failure
// Guarantees: counts only if nobody else has counted or finished since.
const FAIL = `UPDATE clerk_webhook_events SET attempts = $2::int, status = $3, last_error = $5,
    next_attempt_at = now() + make_interval(secs => $4::float8 / 1000),
    finished_at = CASE WHEN $3 = 'dead' THEN now() END
  WHERE id = $1 AND status = 'pending' AND attempts = $2::int - 1`;

interface Claim {
  readonly delivery: WebhookDelivery;
  /** Failures so far. */
  readonly attempts: number;
}

/** Deliveries in the host's PostgreSQL database, shared by every process on it that has the same registration. */
export class PrismaWebhookInbox extends WebhookInbox {
  constructor(
    private readonly database: ClerkDatabase,
    private readonly registration: string,
  ) {
    super();
  }

  async store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'> {
    const rows = await databaseAnswer(
      this.database.$executeRawUnsafe(
        STORE,
        delivery.id,
        delivery.type,
        delivery.entityId,
        delivery.userId,
        delivery.instanceId,
        delivery.timestampMs,
        delivery.payload === null ? null : JSON.stringify(delivery.payload),
        this.registration,
      ),
    );
    return rows === 1 ? 'stored' : 'duplicate';
  }

  async drainOne(apply: ApplyDelivery): Promise<DrainStep> {
    const held: { claim: Claim | null } = { claim: null };
    const work = this.database.$transaction(async (transaction) => {
      held.claim = await claimOldest(transaction, this.registration);
      return held.claim === null
        ? ({ outcome: 'idle' } as const)
        : handle(transaction, held.claim.delivery, apply);
    }, TRANSACTION);
    try {
      return await databaseAnswer(work, TRANSACTION_ANSWER_MS);
    } catch (failure) {
      if (held.claim === null) throw failure;
      return this.#recordFailure(held.claim, failure);
    }
  }

  async #recordFailure(claim: Claim, cause: unknown): Promise<DrainStep> {
    const attempts = claim.attempts + 1;
    const isDead = attempts >= ATTEMPTS_MAX;
    const status = isDead ? 'dead' : 'pending';
    const delayMs = retryDelayMs(attempts, Math.random());
    const { id } = claim.delivery;
    await databaseAnswer(
      this.database.$executeRawUnsafe(FAIL, id, attempts, status, delayMs, failureName(cause)),
    );
    return { outcome: 'failed', deliveryId: id, attempts, isDead, cause };
  }
}

/** What CLAIM returns: `timestampMs` as text, since drivers disagree on what a bigint is. */
type ClaimRow = Omit<WebhookDelivery, 'timestampMs'> & {
  readonly timestampMs: string;
  readonly attempts: number;
};

async function claimOldest(
  transaction: ClerkDatabaseConnection,
  registration: string,
): Promise<Claim | null> {
  const [row] = await transaction.$queryRawUnsafe<ClaimRow[]>(CLAIM, registration);
  if (row === undefined) return null;
  const { attempts, timestampMs, ...delivery } = row;
  return { delivery: { ...delivery, timestampMs: Number(timestampMs) }, attempts };
}

async function handle(
  transaction: ClerkDatabaseConnection,
  delivery: WebhookDelivery,
  apply: ApplyDelivery,
): Promise<DrainStep> {
  const result: ApplyResult = await apply(delivery, prismaMirror(transaction), transaction);
  if (delivery.type === 'user.deleted') await transaction.$executeRawUnsafe(WIPE_PAYLOADS, delivery.userId);
  await transaction.$executeRawUnsafe(FINISH, delivery.id, result);
  return { outcome: 'handled', delivery, result };
}
