import { type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { ClerkError } from '../clerk-error.js';
import { USERS } from '../mirror/mirror-tables.js';
import type { SourceVersion } from '../users/source-version.js';
import { UserMirror } from '../users/user-mirror.js';
import type { ClerkEventContext, ClerkEventOf } from '../webhooks/clerk-event.js';
import type { MongoUserCollection, MongoWriteConcern } from './mongo-user-collection.js';
import { MongoUserRows } from './mongo-user-rows.js';

export interface MongoUserStoreOptions {
  /** @default { w: 'majority' }: what was answered outlives the loss of the primary */
  readonly writeConcern?: MongoWriteConcern;
}

/** As text: drivers disagree on what a bigint is. */
type VersionRow = { readonly [Field in keyof SourceVersion]: string };

// $1 clerk_id
// Guarantees: the version of the change that is told, since the transaction that made it still holds the row.
const VERSION = `SELECT source_updated_at_ms::text AS "updatedAtMs", source_timestamp_ms::text AS "timestampMs",
    source_delivery_id AS "deliveryId" FROM ${USERS.name} WHERE clerk_id = $1`;

/**
 * Users in a collection of MongoDB, beside those in the database, by the same rules: any order and any repetition of the
 * same changes ends in the same documents. So it is enough that a change arrives at least once. `_id` is Clerk's id; `id` is the
 * collection's own, and not that of the row. A deleted user leaves `_id`, `state` and `deletedAt`.
 *
 * The rules are tested with an evaluator of pipelines. No test of this project has run it on a server of MongoDB.
 */
export class MongoUserStore extends UserMirror {
  constructor(
    collection: MongoUserCollection,
    { writeConcern = { w: 'majority' } }: MongoUserStoreOptions = {},
  ) {
    super(new MongoUserRows(collection, writeConcern));
  }

  /**
   * Writes what an `@OnClerkEvent('user.*')` handler is told. Idempotent, and safe in any order. What a request or a backfill brings has
   * no event: it comes with the user's next webhook.
   *
   * @throws ClerkError DATABASE_UNAVAILABLE when either database cannot answer: the event is then told again
   * @throws ClerkError OPTIONS_INVALID when `ClerkModule` has no `database`
   */
  async apply(
    event: ClerkEventOf<'user.*'>,
    { transaction }: Pick<ClerkEventContext, 'transaction'>,
  ): Promise<void> {
    const clerkId = event.type === 'user.deleted' ? event.clerkId : event.user.clerkId;
    const version = await versionIn(transaction, clerkId);
    if (event.type === 'user.deleted') await this.delete(clerkId, version);
    else await this.upsert(event.user, version);
  }
}

async function versionIn(
  transaction: ClerkDatabaseConnection | null,
  clerkId: string,
): Promise<SourceVersion> {
  const rows =
    transaction === null
      ? []
      : await databaseAnswer(transaction.$queryRawUnsafe<VersionRow[]>(VERSION, clerkId));
  const [row] = rows;
  if (row === undefined) {
    throw new ClerkError(
      'OPTIONS_INVALID',
      'MongoUserStore.apply() takes the version of a change from the transaction that made it, and there is none: give ClerkModule a database, and call apply() in the handler.',
    );
  }
  return {
    updatedAtMs: Number(row.updatedAtMs),
    timestampMs: Number(row.timestampMs),
    deliveryId: row.deliveryId,
  };
}
