import { type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import type { MirroredContent, SyncTable } from './sync-kind.js';
import { type SyncedRow, SyncedRows } from './synced-rows.js';

/** `timestampMs`: as text, since drivers disagree on what a bigint is. */
type Row = MirroredContent & { readonly deletedAt: Date | null; readonly timestampMs: string };

/** In the host's PostgreSQL database. Given a transaction, it writes in that transaction. */
export class PrismaSyncedRows extends SyncedRows {
  constructor(
    private readonly connection: ClerkDatabaseConnection,
    private readonly table: SyncTable,
  ) {
    super();
  }

  async byIds(clerkIds: readonly string[]): Promise<ReadonlyMap<string, SyncedRow>> {
    const fields = ['clerkId', ...Object.keys(this.table.columns), 'deletedAt'];
    const columns = fields.map((field) => `${columnOf(field)} AS "${field}"`).join(', ');
    // $1 clerk_ids, JSON text
    const rows = await this.#query<Row>(
      `SELECT ${columns}, source_timestamp_ms::text AS "timestampMs" FROM ${this.table.name}
        WHERE clerk_id IN (SELECT jsonb_array_elements_text($1::jsonb))`,
      JSON.stringify(clerkIds),
    );
    return new Map(
      rows.map(({ deletedAt, timestampMs, ...content }) => [
        content.clerkId,
        { content, isDeleted: deletedAt !== null, timestampMs: Number(timestampMs) },
      ]),
    );
  }

  async idsCreatedBetween(fromMs: number, beforeMs: number | null): Promise<readonly string[]> {
    const before = beforeMs === null ? null : new Date(beforeMs).toISOString();
    // $1 created_at from, inclusive · $2 created_at to, exclusive, ISO 8601 or null for no end
    return this.#ids(
      `deleted_at IS NULL AND created_at >= $1::timestamptz AND ($2::timestamptz IS NULL OR created_at < $2::timestamptz)`,
      new Date(fromMs).toISOString(),
      before,
    );
  }

  async count(): Promise<number> {
    const [row] = await this.#query<{ count: number }>(
      `SELECT count(*)::int AS "count" FROM ${this.table.name} WHERE deleted_at IS NULL`,
    );
    return row?.count ?? 0;
  }

  idsNeedingRefetch(afterId: string, countMax: number): Promise<readonly string[]> {
    // $1 clerk_id, exclusive · $2 how many at most
    return this.#ids(
      `needs_refetch AND deleted_at IS NULL AND clerk_id > $1 COLLATE "C" ORDER BY clerk_id COLLATE "C" LIMIT $2::int`,
      afterId,
      countMax,
    );
  }

  async markForRefetch(clerkIds: readonly string[]): Promise<void> {
    // $1 clerk_ids, JSON text
    await this.#execute(
      `UPDATE ${this.table.name} SET needs_refetch = true
        WHERE clerk_id IN (SELECT jsonb_array_elements_text($1::jsonb)) AND deleted_at IS NULL`,
      JSON.stringify(clerkIds),
    );
  }

  async #ids(condition: string, ...parameters: unknown[]): Promise<readonly string[]> {
    const select = `SELECT clerk_id AS "clerkId" FROM ${this.table.name} WHERE ${condition}`;
    return (await this.#query<{ clerkId: string }>(select, ...parameters)).map(({ clerkId }) => clerkId);
  }

  #query<T>(sql: string, ...parameters: unknown[]): Promise<T[]> {
    return databaseAnswer(this.connection.$queryRawUnsafe<T[]>(sql, ...parameters));
  }

  #execute(sql: string, ...parameters: unknown[]): Promise<number> {
    return databaseAnswer(this.connection.$executeRawUnsafe(sql, ...parameters));
  }
}

function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
