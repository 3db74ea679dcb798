import { type ClerkDatabase, databaseAnswer } from '../clerk-database.js';

/** A webhook as it lies in the inbox, without its body. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly entityId: string | null;
  readonly instanceId: string | null;
  readonly attempts: number;
  readonly receivedAt: Date;
  readonly nextAttemptAt: Date;
  readonly finishedAt: Date | null;
  /** Name of the last failure. */
  readonly lastError: string | null;
  /** Whether the body is kept. */
  readonly hasPayload: boolean;
}

export interface EventFilter {
  readonly status: string | null;
  readonly type: string | null;
  /** Most events to list, 1 or more. */
  readonly countMax: number;
}

const COLUMNS = `id, type, status, entity_id AS "entityId", instance_id AS "instanceId", attempts, received_at AS "receivedAt",
  next_attempt_at AS "nextAttemptAt", finished_at AS "finishedAt", last_error AS "lastError", payload IS NOT NULL AS "hasPayload"`;

// $1 registration · $2 status or null · $3 type or null · $4 most rows
const LIST = `SELECT ${COLUMNS} FROM clerk_webhook_events
  WHERE registration = $1 AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR type = $3)
  ORDER BY received_at DESC, id DESC LIMIT $4::int`;

// $1 registration · $2 id
const FIND = `SELECT ${COLUMNS} FROM clerk_webhook_events WHERE registration = $1 AND id = $2`;
const PAYLOAD = `SELECT payload FROM clerk_webhook_events WHERE registration = $1 AND id = $2`;

// $1 registration · $2 ids, JSON text, or null for every dead one
// Guarantees: what is under way stays as it is, and so does what cannot be applied again, as its body is gone and it is no deletion.
// An event that was applied is applied again by its version: nothing older wins.
const REPLAY = `UPDATE clerk_webhook_events
  SET status = 'pending', attempts = 0, next_attempt_at = now(), finished_at = NULL, last_error = NULL
  WHERE registration = $1 AND status <> 'pending' AND (payload IS NOT NULL OR type LIKE '%.deleted')
    AND CASE WHEN $2::jsonb IS NULL THEN status = 'dead' ELSE id IN (SELECT jsonb_array_elements_text($2::jsonb)) END
  RETURNING id`;

// $1 ids, JSON text
const COUNT_PENDING = `SELECT count(*)::int AS "count" FROM clerk_webhook_events
  WHERE status = 'pending' AND id IN (SELECT jsonb_array_elements_text($1::jsonb))`;

/** The inbox, as an operator looks at it. */
export class StoredEvents {
  constructor(
    private readonly database: ClerkDatabase,
    private readonly registration: string,
  ) {}

  /** Newest first. */
  list({ status, type, countMax }: EventFilter): Promise<StoredEvent[]> {
    return this.#query<StoredEvent>(LIST, this.registration, status, type, countMax);
  }

  async find(id: string): Promise<StoredEvent | null> {
    const [event] = await this.#query<StoredEvent>(FIND, this.registration, id);
    return event ?? null;
  }

  /** The body, which may hold a person's data. */
  async payload(id: string): Promise<unknown> {
    const [row] = await this.#query<{ payload: unknown }>(PAYLOAD, this.registration, id);
    return row?.payload ?? null;
  }

  /** Makes events due again; null: every dead one. @returns the ids of those that neither wait already nor have lost their body */
  async replay(ids: readonly string[] | null): Promise<readonly string[]> {
    const words = ids === null ? null : JSON.stringify(ids);
    return (await this.#query<{ id: string }>(REPLAY, this.registration, words)).map(({ id }) => id);
  }

  /** How many of these wait to be applied. */
  async countPending(ids: readonly string[]): Promise<number> {
    const [row] = await this.#query<{ count: number }>(COUNT_PENDING, JSON.stringify(ids));
    return row?.count ?? 0;
  }

  #query<T>(sql: string, ...parameters: unknown[]): Promise<T[]> {
    return databaseAnswer(this.database.$queryRawUnsafe<T[]>(sql, ...parameters));
  }
}
