import { type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import type { UserProfile } from '../users/mirrored-user.js';
import type { UserRow } from './user-drift.js';

const COLUMNS = `id::text AS "id", clerk_id AS "clerkId", email, first_name AS "firstName", last_name AS "lastName", username,
  image_url AS "imageUrl", is_active AS "isActive", metadata, created_at AS "createdAt", updated_at AS "updatedAt",
  deleted_at AS "deletedAt", revision`;

// $1 clerk_ids, JSON text
const BY_IDS = `SELECT ${COLUMNS} FROM users
  WHERE clerk_id IN (SELECT jsonb_array_elements_text($1::jsonb))`;

// $1 created_at from, inclusive · $2 created_at to, exclusive, ISO 8601 or null for no end. Rows of people who are not deleted.
const IDS_CREATED_BETWEEN = `SELECT clerk_id AS "clerkId" FROM users
  WHERE deleted_at IS NULL AND created_at >= $1::timestamptz AND ($2::timestamptz IS NULL OR created_at < $2::timestamptz)`;

const COUNT = `SELECT count(*)::int AS "count" FROM users WHERE deleted_at IS NULL`;

const NEEDING_REFETCH = `SELECT clerk_id AS "clerkId" FROM users WHERE needs_refetch AND deleted_at IS NULL ORDER BY clerk_id`;

// $1 clerk_ids, JSON text
const MARK_FOR_REFETCH = `UPDATE users SET needs_refetch = true
  WHERE clerk_id IN (SELECT jsonb_array_elements_text($1::jsonb)) AND deleted_at IS NULL`;

// $1 clerk_id · $2 revision · $3 email · $4 first_name · $5 last_name · $6 username · $7 image_url · $8 is_active
// $9 metadata, JSON text · $10 created_at · $11 updated_at, ISO 8601 · $12 updated_at, Unix ms
// Guarantees: writes only over the row that was read before Clerk was asked, and never over a later version. At the same
// updated_at the row keeps the rest of its version, so that the webhooks that are tied with it stay stale.
const REPLACE = `UPDATE users SET email = $3, first_name = $4, last_name = $5, username = $6, image_url = $7, is_active = $8,
    metadata = $9::jsonb, created_at = $10::timestamptz, updated_at = $11::timestamptz,
    source_timestamp_ms = CASE WHEN source_updated_at_ms < $12::bigint THEN $12::bigint ELSE source_timestamp_ms END,
    source_delivery_id = CASE WHEN source_updated_at_ms < $12::bigint THEN '' ELSE source_delivery_id END,
    source_updated_at_ms = $12::bigint, needs_refetch = false, revision = revision + 1
  WHERE clerk_id = $1 AND revision = $2::int AND deleted_at IS NULL AND source_updated_at_ms <= $12::bigint`;

/** The users table, as a comparison with Clerk reads and mends it. */
export class UserRows {
  constructor(private readonly connection: ClerkDatabaseConnection) {}

  async byIds(clerkIds: readonly string[]): Promise<ReadonlyMap<string, UserRow>> {
    const rows = await this.#query<UserRow>(BY_IDS, JSON.stringify(clerkIds));
    return new Map(rows.map((row) => [row.clerkId, row]));
  }

  /** Clerk ids of living rows created from `fromMs` on and before `beforeMs` (Unix time, milliseconds; null: no end). */
  async idsCreatedBetween(fromMs: number, beforeMs: number | null): Promise<readonly string[]> {
    const before = beforeMs === null ? null : new Date(beforeMs).toISOString();
    const rows = await this.#query<{ clerkId: string }>(
      IDS_CREATED_BETWEEN,
      new Date(fromMs).toISOString(),
      before,
    );
    return rows.map(({ clerkId }) => clerkId);
  }

  /** How many rows are not tombstones. */
  async count(): Promise<number> {
    const [row] = await this.#query<{ count: number }>(COUNT);
    return row?.count ?? 0;
  }

  async idsNeedingRefetch(): Promise<readonly string[]> {
    return (await this.#query<{ clerkId: string }>(NEEDING_REFETCH)).map(({ clerkId }) => clerkId);
  }

  async markForRefetch(clerkIds: readonly string[]): Promise<void> {
    await databaseAnswer(this.connection.$executeRawUnsafe(MARK_FOR_REFETCH, JSON.stringify(clerkIds)));
  }

  /** Writes what Clerk says over a row that has not changed since it was read. False: it has, and stays. */
  async replace(row: UserRow, profile: UserProfile): Promise<boolean> {
    const count = await databaseAnswer(
      this.connection.$executeRawUnsafe(
        REPLACE,
        row.clerkId,
        row.revision,
        profile.email,
        profile.firstName,
        profile.lastName,
        profile.username,
        profile.imageUrl,
        profile.isActive,
        JSON.stringify(profile.metadata),
        profile.createdAt.toISOString(),
        profile.updatedAt.toISOString(),
        profile.updatedAt.getTime(),
      ),
    );
    return count === 1;
  }

  #query<T>(sql: string, ...parameters: unknown[]): Promise<T[]> {
    return databaseAnswer(this.connection.$queryRawUnsafe<T[]>(sql, ...parameters));
  }
}
