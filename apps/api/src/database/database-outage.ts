import { Prisma } from '../../../../prisma/generated/client.js';

/** Prisma's codes of a database that cannot answer now. https://www.prisma.io/docs/orm/reference/error-reference */
const OUTAGE = /^P10(?:0[0128]|11|17)$|^P2024$|^P2028$|^P2037$/;

/**
 * PostgreSQL's own codes, which Prisma passes on inside others: no connection (08), no resources (53), a statement or server
 * that was stopped (57), a server that only reads (25006). https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const OUTAGE_STATE = /^(?:08|53|57014|57P0|25006)/;

/** Whether a failure of a query says that the database cannot answer now, and nothing of what was asked. */
export function isDatabaseOutage(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientInitializationError) return true;
  if (error instanceof Prisma.PrismaClientKnownRequestError) {
    return OUTAGE.test(error.code) || OUTAGE_STATE.test(sqlStateOf(error.meta));
  }
  return isDriverFailure(error);
}

/** Time-outs and broken connections of the driver are plain errors without a code; Prisma only leaves its version on them. */
function isDriverFailure(error: unknown): boolean {
  const isPrismas =
    error instanceof Prisma.PrismaClientValidationError ||
    error instanceof Prisma.PrismaClientUnknownRequestError ||
    error instanceof Prisma.PrismaClientRustPanicError;
  return error instanceof Error && 'clientVersion' in error && !isPrismas;
}

function sqlStateOf(meta: unknown): string {
  const cause = memberOf(memberOf(meta, 'driverAdapterError'), 'cause');
  return String(memberOf(cause, 'originalCode') ?? '');
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
