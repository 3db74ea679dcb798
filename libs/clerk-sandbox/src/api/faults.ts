import { isObject } from '../state/parameters.js';
import { invalidParameter } from './api-error.js';

/** How the Backend API misbehaves on demand. */
export type FaultKind =
  /** The connection is cut without an answer. */
  | 'down'
  /** The answer comes after `delayMs`. */
  | 'slow'
  /** The answer never comes. */
  | 'hung'
  /** The answer is `status` (500 by default) with Clerk's error body. */
  | 'status'
  /** 429 with `Retry-After: retryAfterSeconds` (1 by default). */
  | 'rate-limited'
  /** `status` (200 by default) with a page of HTML, as a proxy in between would send. */
  | 'html'
  /** `status` (200 by default) with `body` as JSON (null by default): well-formed, and not what was asked for. */
  | 'json';

export interface Fault {
  readonly kind: FaultKind;
  /** Requests whose path starts with this. @default '/' (all but `/sandbox`) */
  readonly pathPrefix?: string;
  /** How many requests it meets. @default all until cleared */
  readonly times?: number;
  readonly status?: number;
  readonly delayMs?: number;
  readonly retryAfterSeconds?: number;
  readonly body?: unknown;
}

const KINDS: readonly string[] = [
  'down',
  'slow',
  'hung',
  'status',
  'rate-limited',
  'html',
  'json',
] satisfies FaultKind[];

/** The faults in force. The first that matches a request meets it. */
export class Faults {
  private active: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.active.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.active = [];
  }

  /** The fault that this request meets, counted as used; null when none does. */
  take(pathname: string): Fault | null {
    const found = this.active.find(
      ({ fault, left }) => left > 0 && pathname.startsWith(fault.pathPrefix ?? '/'),
    );
    if (found === undefined) return null;
    found.left -= 1;
    return found.fault;
  }
}

export function parseFault(value: unknown): Fault {
  if (!isObject(value)) throw invalidParameter('body', 'the fault must be a JSON object');
  const {
    kind,
    path_prefix: pathPrefix,
    times,
    status,
    delay_ms: delayMs,
    retry_after_seconds: retryAfterSeconds,
    body,
  } = value;
  if (!isKind(kind)) throw invalidParameter('kind', `kind must be one of ${KINDS.join(', ')}`);
  return {
    kind,
    ...(typeof pathPrefix === 'string' ? { pathPrefix } : {}),
    ...(body === undefined ? {} : { body }),
    ...numbers({ times, status, delayMs, retryAfterSeconds }),
  };
}

function isKind(value: unknown): value is FaultKind {
  return typeof value === 'string' && KINDS.includes(value);
}

function numbers(values: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}
