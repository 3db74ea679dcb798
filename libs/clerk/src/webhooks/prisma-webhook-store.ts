import { type ClerkDatabase, databaseAnswer, STATEMENT_TIMEOUT_MS } from '../clerk-database.js';
import { ClerkError } from '../clerk-error.js';
import { GroupCommit } from './group-commit.js';
import type { WebhookDelivery } from './webhook-delivery.js';

// $1 registration · $2 deliveries, a JSON array of WebhookDelivery, each id once
// Guarantees: a delivery is a row once, however often and at how many instances at once it arrives. One that was parked as dead
// or taken for foreign and is sent again is due again: that is how an operator replays it, from Clerk's dashboard. In the order of
// the ids, so that two that hold the same ones never wait for each other. Returns the ids that are due now and were not before.
const STORE = `INSERT INTO clerk_webhook_events AS kept
    (id, type, entity_id, user_id, instance_id, timestamp_ms, payload, payload_since, registration)
  SELECT id, type, "entityId", "userId", "instanceId", "timestampMs", payload, CASE WHEN payload IS NOT NULL THEN now() END, $1
  FROM jsonb_to_recordset($2::jsonb) AS given
    (id text, type text, "entityId" text, "userId" text, "instanceId" text, "timestampMs" bigint, payload jsonb)
  ORDER BY id COLLATE "C"
  ON CONFLICT (id) DO UPDATE SET status = 'pending', attempts = 0, starts = 0, next_attempt_at = now(), finished_at = NULL,
    payload = EXCLUDED.payload, payload_since = EXCLUDED.payload_since
  WHERE kept.status IN ('dead', 'foreign')
  RETURNING id`;

const READ_ONLY = `SELECT current_setting('transaction_read_only') AS "readOnly"`;

interface Row {
  readonly id: string;
  /** As JSON: written out once, so that one that cannot be fails alone. */
  readonly json: string;
}

/** Writes deliveries to the host's PostgreSQL database, those that arrive together in one statement. */
export class PrismaWebhookStore {
  readonly #group: GroupCommit<Row, 'stored' | 'duplicate'>;

  constructor(
    private readonly database: ClerkDatabase,
    private readonly registration: string,
  ) {
    this.#group = new GroupCommit({
      write: (rows) => this.#write(rows),
      patienceMs: STATEMENT_TIMEOUT_MS,
    });
  }

  /** Resolves after commit. @throws ClerkError DATABASE_UNAVAILABLE within 5 s */
  async store(delivery: WebhookDelivery): Promise<'stored' | 'duplicate'> {
    const json = JSON.stringify(delivery);
    // The wait for the statement before counts as well.
    return databaseAnswer(this.#group.add({ id: delivery.id, json }, json.length));
  }

  /** A database that only reads, such as a replica, answers every question and stores nothing. */
  async requireWritable(): Promise<void> {
    const [row] = await databaseAnswer(this.database.$queryRawUnsafe<{ readOnly: string }[]>(READ_ONLY));
    if (row?.readOnly === 'off') return;
    throw new ClerkError('DATABASE_UNAVAILABLE', 'The database only reads: no webhook can be stored.');
  }

  async #write(rows: readonly Row[]): Promise<readonly ('stored' | 'duplicate')[]> {
    const byId = new Map(rows.map(({ id, json }) => [id, json]));
    const deliveries = `[${[...byId.values()].join(',')}]`;
    const written = await databaseAnswer(
      this.database.$queryRawUnsafe<{ id: string }[]>(STORE, this.registration, deliveries),
    );
    const stored = new Set(written.map(({ id }) => id));
    // The first of several that are the same is the one that was stored.
    return rows.map(({ id }) => (stored.delete(id) ? 'stored' : 'duplicate'));
  }
}
