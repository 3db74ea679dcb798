import { createHash } from 'node:crypto';

/**
 * How many statements one connection keeps at most. Prisma's text differs with the length of every list in a query, so
 * the number of texts has no bound of its own, and neither `pg` nor the server ever lets go of a named statement.
 */
const NAMED_MAX = 200;

interface Statement {
  readonly sql: string;
  readonly args: readonly unknown[];
}

/**
 * Names for the first 200 statements of this process, by which `pg` has each of its connections parse them once
 * (PostgreSQL, "PREPARE"; `statementNameGenerator` of `@prisma/adapter-pg`). The rest go without, and so does what has
 * no parameters, `BEGIN` and `COMMIT` above all: those take the shorter, simple protocol. A name is of the text alone, so that a pooler
 * that hands out connections without following names can at worst make a statement fail, and never run another process's in its place.
 *
 * @returns '' for a statement without a name
 */
export function statementNames(): (statement: Statement) => string {
  const names = new Map<string, string>();
  return ({ sql, args }) => {
    if (args.length === 0) return '';
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size === NAMED_MAX) return '';
    const name = createHash('sha256').update(sql).digest('hex').slice(0, 40);
    names.set(sql, name);
    return name;
  };
}

/**
 * Whether the URL says, as Prisma's do, that a pooler stands in between which gives each transaction another connection.
 * Before its version 1.21, and where `max_prepared_statements` is 0, PgBouncer does not follow named statements there.
 */
export function isBehindPooler(url: string): boolean {
  return new URL(url).searchParams.get('pgbouncer') === 'true';
}
