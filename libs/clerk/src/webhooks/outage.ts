import { ClerkError, type ClerkErrorCode } from '../clerk-error.js';

const UNAVAILABLE: ReadonlySet<ClerkErrorCode> = new Set([
  'CLERK_UNAVAILABLE',
  'CLERK_RATE_LIMITED',
  'CLERK_SECRET_KEY_REJECTED',
  'BROKER_UNAVAILABLE',
  'CACHE_UNAVAILABLE',
]);

/** Prisma's codes of a database that cannot answer now, or not both of two that are in each other's way (P2034). https://www.prisma.io/docs/orm/reference/error-reference (read 2026-11-21) */
const PRISMA_CODE = /^P10(?:0[0128]|11|17)$|^P2024$|^P2028$|^P2034$|^P2037$/;

/**
 * PostgreSQL's, which Prisma passes on inside others: no connection (08), no resources, such as a full disk (53), a server that was
 * stopped (57P0) or only reads (25006); or another was in the way (40001, 40P01). A statement that took too long (57014) is not among them: it may be the handler's own.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html (read 2026-11-21)
 */
const SQL_STATE = /^(?:08|53|57P0|25006|40001|40P01)/;

/** Classes of the driver `mongodb` 7, for hosts that keep users there: no server is reached, or it is gone. */
const MONGO_NAME =
  /^Mongo(?:Network|NetworkTimeout|ServerSelection|NotConnected|PoolCleared|TopologyClosed)Error$/;

/** A value that a column (22), a constraint (23) or an index (54) does not take. */
const REFUSED_VALUE = /^(?:22|23|54)/;

const CAUSES_MAX = 5;

/**
 * Whether an attempt failed because the database or Clerk could not answer, and not because of what was attempted: that says
 * nothing of the delivery, and must not count against it.
 */
export function isOutage(failure: unknown): boolean {
  return causesOf(failure).some(saysOutage);
}

/** Whether the database refused what it was given, and always will: that says nothing of the database. */
export function isUnstorable(failure: unknown): boolean {
  return causesOf(failure).some((cause) => REFUSED_VALUE.test(sqlStateOf(cause)));
}

function causesOf(failure: unknown): readonly Error[] {
  const causes: Error[] = [];
  let cause = failure;
  while (causes.length < CAUSES_MAX && cause instanceof Error) {
    causes.push(cause);
    cause = cause.cause;
  }
  return causes;
}

function saysOutage(error: Error): boolean {
  if (error instanceof ClerkError) {
    // Without a cause, it is the answer that did not come in time.
    const isSilence = error.code === 'DATABASE_UNAVAILABLE' && error.cause === undefined;
    return isSilence || UNAVAILABLE.has(error.code);
  }
  const code = String(memberOf(error, 'code') ?? memberOf(error, 'errorCode') ?? '');
  if (MONGO_NAME.test(error.name)) return true;
  return PRISMA_CODE.test(code) || SQL_STATE.test(sqlStateOf(error)) || isDriverFailure(error);
}

/** Time-outs and broken connections of the driver are plain errors without a code; Prisma only leaves its version on them. */
function isDriverFailure(error: Error): boolean {
  return 'clientVersion' in error && error.name === 'Error' && !('code' in error);
}

function sqlStateOf(error: Error): string {
  const cause = memberOf(memberOf(memberOf(error, 'meta'), 'driverAdapterError'), 'cause');
  return String(memberOf(cause, 'originalCode') ?? '');
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
