import { type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import type { MirroredUser, UserProfile } from './mirrored-user.js';
import type { SourceVersion } from './source-version.js';
import { UserMirror, type UserApplication, type UserLookup } from './user-mirror.js';

/** As the statements below return it. */
interface UserRow extends MirroredUser {
  readonly deletedAt: Date | null;
  readonly revision: number;
}

const COLUMNS = `id::text AS "id", clerk_id AS "clerkId", email, first_name AS "firstName", last_name AS "lastName", username,
  image_url AS "imageUrl", is_active AS "isActive", metadata, created_at AS "createdAt", updated_at AS "updatedAt",
  deleted_at AS "deletedAt", revision`;

const FIND = `SELECT ${COLUMNS} FROM users WHERE clerk_id = $1`;

// $1 clerk_id · $2 email · $3 first_name · $4 last_name · $5 username · $6 image_url · $7 is_active · $8 metadata, JSON text
// $9 created_at · $10 updated_at, ISO 8601 · $11 source_updated_at_ms · $12 source_timestamp_ms, Unix ms · $13 source_delivery_id
// Guarantees: one statement, so of any writes that race the greatest version stays; a tombstone is never written over.
// Delivery ids compare as bytes, as in `compareSourceVersions`. `revision` is 0 for a new row only.
const UPSERT = `INSERT INTO users AS kept (clerk_id, email, first_name, last_name, username, image_url, is_active, metadata,
    created_at, updated_at, source_updated_at_ms, source_timestamp_ms, source_delivery_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::timestamptz, $10::timestamptz, $11::bigint, $12::bigint, $13)
  ON CONFLICT (clerk_id) DO UPDATE SET
    email = EXCLUDED.email, first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, username = EXCLUDED.username,
    image_url = EXCLUDED.image_url, is_active = EXCLUDED.is_active, metadata = EXCLUDED.metadata,
    created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at,
    source_updated_at_ms = EXCLUDED.source_updated_at_ms, source_timestamp_ms = EXCLUDED.source_timestamp_ms,
    source_delivery_id = EXCLUDED.source_delivery_id, revision = kept.revision + 1
  WHERE kept.deleted_at IS NULL
    AND (EXCLUDED.source_updated_at_ms, EXCLUDED.source_timestamp_ms, EXCLUDED.source_delivery_id COLLATE "C")
      > (kept.source_updated_at_ms, kept.source_timestamp_ms, kept.source_delivery_id COLLATE "C")
  RETURNING ${COLUMNS}`;

// $1 clerk_id · $2 when Clerk deleted the user, ISO 8601 · $3 source_updated_at_ms · $4 source_timestamp_ms, Unix ms
// $5 source_delivery_id
// Guarantees: the same tombstone whether the user was known or not, written once; nothing personal is left in the row.
const DELETE = `INSERT INTO users AS kept (clerk_id, is_active, metadata, created_at, updated_at, deleted_at,
    source_updated_at_ms, source_timestamp_ms, source_delivery_id)
  VALUES ($1, false, '{}', $2::timestamptz, $2::timestamptz, $2::timestamptz, $3::bigint, $4::bigint, $5)
  ON CONFLICT (clerk_id) DO UPDATE SET
    email = NULL, first_name = NULL, last_name = NULL, username = NULL, image_url = NULL, is_active = false,
    metadata = EXCLUDED.metadata, created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at,
    deleted_at = EXCLUDED.deleted_at, source_updated_at_ms = EXCLUDED.source_updated_at_ms,
    source_timestamp_ms = EXCLUDED.source_timestamp_ms, source_delivery_id = EXCLUDED.source_delivery_id,
    needs_refetch = false, revision = kept.revision + 1
  WHERE kept.deleted_at IS NULL
  RETURNING ${COLUMNS}`;

/** Users in the host's PostgreSQL database. Given a transaction, it writes in that transaction. */
export class PrismaUserMirror extends UserMirror {
  constructor(private readonly connection: ClerkDatabaseConnection) {
    super();
  }

  async find(clerkId: string): Promise<UserLookup> {
    const row = await this.#one(FIND, [clerkId]);
    if (row === undefined) return { outcome: 'unknown' };
    if (row.deletedAt !== null) return { outcome: 'deleted', deletedAt: row.deletedAt };
    return { outcome: 'found', user: toUser(row) };
  }

  async upsert(profile: UserProfile, version: SourceVersion): Promise<UserApplication> {
    const row = await this.#one(UPSERT, [
      profile.clerkId,
      profile.email,
      profile.firstName,
      profile.lastName,
      profile.username,
      profile.imageUrl,
      profile.isActive,
      JSON.stringify(profile.metadata),
      profile.createdAt.toISOString(),
      profile.updatedAt.toISOString(),
      ...parametersOf(version),
    ]);
    if (row === undefined) return { outcome: 'stale' };
    return { outcome: row.revision === 0 ? 'created' : 'updated', user: toUser(row) };
  }

  async delete(clerkId: string, version: SourceVersion): Promise<UserApplication> {
    const deletedAt = new Date(version.timestampMs).toISOString();
    const row = await this.#one(DELETE, [clerkId, deletedAt, ...parametersOf(version)]);
    return row === undefined
      ? { outcome: 'stale' }
      : { outcome: 'deleted', id: row.revision > 0 ? row.id : null };
  }

  async #one(sql: string, parameters: readonly unknown[]): Promise<UserRow | undefined> {
    const [row] = await databaseAnswer(this.connection.$queryRawUnsafe<UserRow[]>(sql, ...parameters));
    return row;
  }
}

function parametersOf(version: SourceVersion): readonly [number, number, string] {
  return [version.updatedAtMs, version.timestampMs, version.deliveryId];
}

function toUser({ deletedAt: _deletedAt, revision: _revision, ...user }: UserRow): MirroredUser {
  return user;
}
