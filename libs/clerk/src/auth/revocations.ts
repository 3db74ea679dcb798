import { ClerkError } from '../clerk-error.js';
import type { Revocation, RevocationRecord } from './revocation.js';
import type { VerifiedSession } from './session-claims.js';

interface UserRevocation {
  readonly atMs: number;
  readonly isDeleted: boolean;
  readonly untilMs: number;
}

const RECORDS_MAX = 100_000;

/** Sessions and users whose tokens are refused although they verify. In this process, bounded, asked without I/O. */
export class Revocations {
  readonly #untilBySession = new Map<string, number>();
  readonly #users = new Map<string, UserRevocation>();
  readonly #listeners: ((revocation: Revocation) => void)[] = [];

  constructor(private readonly nowMs: () => number) {}

  /** Idempotent; an earlier moment never takes the place of a later one, and nothing that of a deletion. */
  add({ revocation, untilMs }: RevocationRecord): void {
    if (revocation.kind === 'session') {
      const isNew = !this.#untilBySession.has(revocation.sessionId);
      keep(this.#untilBySession, revocation.sessionId, untilMs);
      if (isNew) this.#tell(revocation);
      return;
    }
    const { userId, atMs, isDeleted } = revocation;
    const before = this.#users.get(userId);
    const isKnown = before !== undefined && (before.isDeleted || (!isDeleted && before.atMs >= atMs));
    if (isKnown) return;
    keep(this.#users, userId, { atMs, isDeleted, untilMs });
    this.#tell(revocation);
  }

  /** Calls back for each revocation that was not known before, once it is in force. */
  onAdded(listener: (revocation: Revocation) => void): void {
    this.#listeners.push(listener);
  }

  /** Everything that is in force here, for those who have lost it. */
  *inForce(): Generator<RevocationRecord, void, void> {
    const nowMs = this.nowMs();
    for (const [sessionId, untilMs] of this.#untilBySession)
      if (untilMs > nowMs) yield { revocation: { kind: 'session', sessionId }, untilMs };
    for (const [userId, { atMs, isDeleted, untilMs }] of this.#users)
      if (untilMs > nowMs) yield { revocation: { kind: 'user', userId, atMs, isDeleted }, untilMs };
  }

  /** Whether anything of the user was revoked: what was remembered of him has to be asked for again. */
  concernsUser(userId: string): boolean {
    return (this.#users.get(userId)?.untilMs ?? 0) > this.nowMs();
  }

  isSessionRevoked(sessionId: string): boolean {
    return (this.#untilBySession.get(sessionId) ?? 0) > this.nowMs();
  }

  #tell(revocation: Revocation): void {
    for (const listener of this.#listeners) listener(revocation);
  }

  /** @throws ClerkError SESSION_REVOKED or USER_DELETED */
  check({ auth, issuedAtSeconds }: VerifiedSession): void {
    if (this.#untilBySession.size === 0 && this.#users.size === 0) return;
    if (this.isSessionRevoked(auth.sessionId)) throw sessionRevoked();
    this.checkUser(auth.userId, issuedAtSeconds);
  }

  /** For a token that stands for a user and does not say when it was issued. @throws ClerkError USER_DELETED */
  checkDeleted(userId: string): void {
    const user = this.#users.get(userId);
    if (user?.isDeleted === true && user.untilMs > this.nowMs()) throw userDeleted();
  }

  /**
   * For a token that stands for a user.
   *
   * @throws ClerkError SESSION_REVOKED or USER_DELETED
   */
  checkUser(userId: string, issuedAtSeconds: number): void {
    const user = this.#users.get(userId);
    if (user === undefined || user.untilMs <= this.nowMs()) return;
    if (user.isDeleted) throw userDeleted();
    if (issuedAtSeconds * 1_000 <= user.atMs) throw sessionRevoked();
  }
}

export function sessionRevoked(): ClerkError {
  return new ClerkError('SESSION_REVOKED', 'The session has ended, or its user is banned or locked.');
}

export function userDeleted(): ClerkError {
  return new ClerkError('USER_DELETED', 'The user is deleted.');
}

/** Newest last; the oldest goes when there are too many. */
function keep<T>(records: Map<string, T>, key: string, record: T): void {
  records.delete(key);
  records.set(key, record);
  if (records.size <= RECORDS_MAX) return;
  const [oldest = key] = records.keys();
  records.delete(oldest);
}
