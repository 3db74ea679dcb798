/** Something that was issued before is refused from now on. */
export type Revocation =
  | { readonly kind: 'session'; readonly sessionId: string }
  /** Everything of the user that was issued until `atMs` (Unix time, milliseconds, by Clerk's clock); all of it when deleted. */
  | { readonly kind: 'user'; readonly userId: string; readonly atMs: number; readonly isDeleted: boolean };

/** A revocation, and until when it has to be remembered. */
export interface RevocationRecord {
  readonly revocation: Revocation;
  /** Unix time, milliseconds. */
  readonly untilMs: number;
}

/** Longer than any session token lives: the dashboard offers up to a day. */
export const REVOCATION_KEPT_MS = 86_400_000;

/** Carries revocations to every process of one Clerk instance, this one included where others made them. */
export abstract class RevocationFeed {
  /** Tells all others; resolves when they can know. What cannot be told now is told later. Never rejects. */
  abstract publish(record: RevocationRecord): Promise<void>;
}

/** For a process that is alone. */
export class MemoryRevocationFeed extends RevocationFeed {
  publish(): Promise<void> {
    return Promise.resolve();
  }
}

/** Null for anything that is not a record: whoever can write to the store must not be able to stop this process. */
export function parseRevocationRecord(text: string): RevocationRecord | null {
  const value = parseObject(text);
  const revocation = parseRevocation(value['revocation']);
  const untilMs = value['untilMs'];
  return revocation !== null && typeof untilMs === 'number' ? { revocation, untilMs } : null;
}

function parseRevocation(value: unknown): Revocation | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, sessionId, userId, atMs, isDeleted }: Readonly<Record<string, unknown>> = { ...value };
  if (kind === 'session' && typeof sessionId === 'string') return { kind, sessionId };
  const isUser = kind === 'user' && typeof userId === 'string' && typeof atMs === 'number';
  return isUser ? { kind, userId, atMs, isDeleted: isDeleted === true } : null;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Not JSON: no record.
    return {};
  }
}
