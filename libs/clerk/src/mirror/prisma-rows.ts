import { type ClerkDatabaseConnection, databaseAnswer } from '../clerk-database.js';
import { isSnapshot, type SourceVersion } from '../users/source-version.js';
import type { MirrorStatements } from './mirror-statements.js';
import { MirroredRows, type RowDeletion, type RowLookup, type RowUpsert } from './mirrored-rows.js';

/** What the statements return beside the row. */
interface Kept {
  readonly id?: string;
  readonly deletedAt: Date | null;
  readonly revision: number;
  /** The revision that a delivery was the first to write; null while none has. */
  readonly announcedRevision: number | null;
}

// $1 … clerk_id of the owners
// Guarantees: held to the end of the transaction. Rows of an owner and the end of that owner wait for each other, so that none
// slips in beside a deletion that is not visible yet.
const LOCK_OWNERS = (count: number) => lockSql('pg_advisory_xact_lock_shared', count);
const LOCK_AS_OWNER = lockSql('pg_advisory_xact_lock', 1);

/** A table in the host's PostgreSQL database. Given a transaction, it writes in that transaction. */
export class PrismaRows<
  Content extends { readonly clerkId: string },
  Row extends Content = Content,
> extends MirroredRows<Content, Row> {
  constructor(
    private readonly connection: ClerkDatabaseConnection,
    private readonly statements: MirrorStatements,
  ) {
    super();
  }

  async find(clerkId: string): Promise<RowLookup<Row>> {
    const [kept] = await this.#query(this.statements.find, [clerkId]);
    if (kept === undefined) return { outcome: 'unknown' };
    if (kept.deletedAt !== null) return { outcome: 'deleted', deletedAt: kept.deletedAt };
    return { outcome: 'found', row: rowOf(kept) };
  }

  async listBy(field: keyof Content & string, value: string): Promise<readonly Row[]> {
    return (await this.#query(this.statements.listBy(field), [value])).map((kept) => rowOf(kept));
  }

  async listInDoubt(countMax: number): Promise<readonly string[]> {
    return (await this.#query(this.statements.listInDoubt, [countMax])).map(({ clerkId }) => clerkId);
  }

  async upsert(content: Content, version: SourceVersion): Promise<RowUpsert<Row>> {
    const { fields, ownerFields, doubt, upsert } = this.statements;
    const valueOf = (field: string): unknown => Reflect.get(content, field);
    if (ownerFields.length > 0) {
      await this.#execute(LOCK_OWNERS(ownerFields.length), ownerFields.map(valueOf));
    }
    const given = [content.clerkId, ...fields.map((field) => parameterOf(valueOf(field)))];
    const [kept] = await this.#query(upsert, [...given, ...versionParameters(version)]);
    if (kept !== undefined) {
      const isNew = kept.revision === (isSnapshot(version) ? 0 : kept.announcedRevision);
      return { outcome: isNew ? 'created' : 'updated', row: rowOf(kept) };
    }
    await this.#execute(doubt, [...given, version.updatedAtMs]);
    return { outcome: 'stale' };
  }

  async delete(clerkId: string, version: SourceVersion): Promise<RowDeletion> {
    if (this.statements.hasOwned) await this.#execute(LOCK_AS_OWNER, [clerkId]);
    const deletedAt = new Date(version.timestampMs).toISOString();
    const [kept] = await this.#query(this.statements.delete, [
      clerkId,
      deletedAt,
      ...versionParameters(version),
    ]);
    if (kept === undefined) return { outcome: 'stale' };
    return { outcome: 'deleted', id: kept.revision > 0 ? (kept.id ?? null) : null };
  }

  #query(sql: string, parameters: readonly unknown[]): Promise<(Row & Kept)[]> {
    return databaseAnswer(this.connection.$queryRawUnsafe<(Row & Kept)[]>(sql, ...parameters));
  }

  #execute(sql: string, parameters: readonly unknown[]): Promise<number> {
    return databaseAnswer(this.connection.$executeRawUnsafe(sql, ...parameters));
  }
}

function versionParameters(version: SourceVersion): readonly [number, number, string] {
  return [version.updatedAtMs, version.timestampMs, version.deliveryId];
}

function parameterOf(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

function rowOf<Row>(kept: Row & Kept): Row {
  const { deletedAt: _deletedAt, revision: _revision, announcedRevision: _announced, ...row } = kept;
  // What the statements return is the row and these three: `Omit` of an intersection does not simplify for a generic.
  return row as Row;
}

function lockSql(lock: string, count: number): string {
  return `SELECT ${Array.from({ length: count }, (_, index) => `${lock}(hashtextextended($${index + 1}, 0))`).join(', ')}`;
}
