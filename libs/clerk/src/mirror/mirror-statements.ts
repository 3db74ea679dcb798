import { type MirrorTable, tablesOwnedBy, WIPED } from './mirror-tables.js';
import { REPAIR_ID_START } from './repair-id.js';

/** The SQL of one table that follows Clerk. Parameters: those of `contentParameters` and `versionParameters`, in that order. */
export interface MirrorStatements {
  readonly fields: readonly string[];
  readonly ownerFields: readonly string[];
  readonly hasOwned: boolean;
  readonly find: string;
  readonly listBy: (field: string) => string;
  readonly listInDoubt: string;
  readonly upsert: string;
  readonly doubt: string;
  readonly delete: string;
}

const SQL_TYPES = { text: 'text', boolean: 'boolean', object: 'jsonb', list: 'jsonb', time: 'timestamptz' };

interface Column {
  readonly name: string;
  /** The parameter that holds its content: `$2::text`. */
  readonly parameter: string;
  /** What a tombstone holds instead. */
  readonly wiped: string;
}

// $1 clerk_id, everywhere. Content is $2 and on, in the order of `fields`; then source_updated_at_ms, source_timestamp_ms (Unix
// ms) and source_delivery_id. Delivery ids compare as bytes, as in `compareSourceVersions`.
export function statementsOf<Content extends { readonly clerkId: string }>(
  table: MirrorTable<Content>,
): MirrorStatements {
  const types = Object.entries<keyof typeof SQL_TYPES>(table.columns);
  const columns = types.map(([field, type], index) => ({
    name: columnOf(field),
    parameter: `$${index + 2}::${SQL_TYPES[type]}`,
    wiped: type === 'time' ? '$2::timestamptz' : wipedSql(WIPED[type]),
  }));
  const returned = [
    ...(table.hasOwnId ? [`id::text AS "id"`] : []),
    ...['clerkId', ...types.map(([field]) => field), 'deletedAt', 'revision', 'announcedRevision'].map(
      (field) => `${columnOf(field)} AS "${field}"`,
    ),
  ].join(', ');
  return {
    fields: types.map(([field]) => field),
    ownerFields: [...new Set(table.owners.map(({ field }) => field))],
    hasOwned: tablesOwnedBy(table.name).length > 0,
    find: `SELECT ${returned} FROM ${table.name} WHERE clerk_id = $1`,
    // $1 here: the value.
    listBy: (field) =>
      `SELECT ${returned} FROM ${table.name} WHERE ${columnOf(field)} = $1 AND deleted_at IS NULL`,
    // $1 here: how many at most.
    listInDoubt: `SELECT clerk_id AS "clerkId" FROM ${table.name} WHERE needs_refetch LIMIT $1::int`,
    upsert: upsertSql({ name: table.name, columns, returned, owners: ownersGone(table) }),
    doubt: doubtSql(table.name, columns),
    delete: deleteSql(table.name, columns, returned),
  };
}

interface UpsertParts {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly returned: string;
  /** A condition that holds when an owner of the row is deleted. */
  readonly owners: string;
}

// Guarantees: one statement, so of any writes that race the greatest version stays; a tombstone is never written over, and
// nothing is written of a deleted owner. `revision` is 0 for a new row only, and that of the first write by a delivery stays in
// `announced_revision`: a snapshot has no delivery, and handlers hear nothing of it. Two different states with one `updated_at` leave
// `needs_refetch`; a later `updated_at` ends it, and so does a repair that is written.
function upsertSql({ name, columns, returned, owners }: UpsertParts): string {
  const [at, stamp, delivery] = versionPlaces(columns.length + 2);
  const source = `EXCLUDED.source_updated_at_ms, EXCLUDED.source_timestamp_ms, EXCLUDED.source_delivery_id`;
  const kept = `kept.source_updated_at_ms, kept.source_timestamp_ms, kept.source_delivery_id`;
  return `INSERT INTO ${name} AS kept (clerk_id, ${namesOf(columns)}, source_updated_at_ms, source_timestamp_ms, source_delivery_id, announced_revision)
    SELECT $1::text, ${columns.map(({ parameter }) => parameter).join(', ')}, ${at}, ${stamp}, ${delivery},
      CASE WHEN ${delivery} <> '' THEN 0 END WHERE NOT (${owners})
    ON CONFLICT (clerk_id) DO UPDATE SET ${columns.map((column) => `${column.name} = EXCLUDED.${column.name}`).join(', ')},
      source_updated_at_ms = EXCLUDED.source_updated_at_ms, source_timestamp_ms = EXCLUDED.source_timestamp_ms,
      source_delivery_id = EXCLUDED.source_delivery_id, revision = kept.revision + 1,
      announced_revision = coalesce(kept.announced_revision,
        CASE WHEN EXCLUDED.source_delivery_id <> '' THEN kept.revision + 1 END),
      needs_refetch = kept.source_updated_at_ms = EXCLUDED.source_updated_at_ms
        AND NOT starts_with(EXCLUDED.source_delivery_id, '${REPAIR_ID_START}')
        AND (kept.needs_refetch OR (${namesOf(columns, 'kept.')}) IS DISTINCT FROM (${namesOf(columns, 'EXCLUDED.')}))
    WHERE kept.deleted_at IS NULL AND (${source} COLLATE "C") > (${kept} COLLATE "C")
    RETURNING ${returned}`;
}

// The last parameter is source_updated_at_ms.
// Guarantees: what was stale and yet claims the `updated_at` of the row with another content leaves its mark, once.
function doubtSql(name: string, columns: readonly Column[]): string {
  const given = columns.map(({ parameter }) => parameter).join(', ');
  return `UPDATE ${name} SET needs_refetch = true WHERE clerk_id = $1 AND deleted_at IS NULL AND NOT needs_refetch
    AND source_updated_at_ms = $${columns.length + 2}::bigint AND (${namesOf(columns)}) IS DISTINCT FROM (${given})`;
}

// $2 here: when Clerk deleted it, ISO 8601; then the version.
// Guarantees: the same tombstone whether the row was known or not, written once; nothing is left of the content, nor of what
// the deleted one owned.
function deleteSql(name: string, columns: readonly Column[], returned: string): string {
  const [at, stamp, delivery] = versionPlaces(3);
  const owned = tablesOwnedBy(name).map(
    ({ field, table }, index) =>
      `owned${index} AS (DELETE FROM ${table} WHERE ${columnOf(field)} = $1 AND deleted_at IS NULL)`,
  );
  const wiped = columns.map((column) => column.wiped).join(', ');
  return `${owned.length > 0 ? `WITH ${owned.join(', ')}` : ''}
    INSERT INTO ${name} AS kept (clerk_id, ${namesOf(columns)}, deleted_at,
      source_updated_at_ms, source_timestamp_ms, source_delivery_id)
    VALUES ($1, ${wiped}, $2::timestamptz, ${at}, ${stamp}, ${delivery})
    ON CONFLICT (clerk_id) DO UPDATE SET ${columns.map((column) => `${column.name} = EXCLUDED.${column.name}`).join(', ')},
      deleted_at = EXCLUDED.deleted_at, source_updated_at_ms = EXCLUDED.source_updated_at_ms,
      source_timestamp_ms = EXCLUDED.source_timestamp_ms, source_delivery_id = EXCLUDED.source_delivery_id,
      needs_refetch = false, revision = kept.revision + 1
    WHERE kept.deleted_at IS NULL
    RETURNING ${returned}`;
}

function ownersGone<Content extends { readonly clerkId: string }>(table: MirrorTable<Content>): string {
  const fields = Object.keys(table.columns);
  const gone = table.owners.map(
    (owner) =>
      `EXISTS (SELECT FROM ${owner.table} WHERE clerk_id = $${fields.indexOf(owner.field) + 2} AND deleted_at IS NOT NULL)`,
  );
  return gone.length === 0 ? 'false' : gone.join(' OR ');
}

function versionPlaces(first: number): readonly [string, string, string] {
  return [`$${first}::bigint`, `$${first + 1}::bigint`, `$${first + 2}::text`];
}

function namesOf(columns: readonly Column[], prefix = ''): string {
  return columns.map(({ name }) => `${prefix}${name}`).join(', ');
}

function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function wipedSql(value: unknown): string {
  return typeof value === 'object' && value !== null ? `'${JSON.stringify(value)}'::jsonb` : String(value);
}
