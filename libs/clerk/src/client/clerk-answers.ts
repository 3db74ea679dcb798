import type { Session, User } from '@clerk/backend';

import { ClerkError } from '../clerk-error.js';

/** What the three kinds of machine credential have in common. */
export interface MachineCredential {
  readonly id: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly revoked: boolean;
  readonly expired: boolean;
}

/** The client hands over whatever JSON it gets. @throws ClerkError CLERK_UNAVAILABLE when it is no machine credential */
export function parseMachineCredential(answer: unknown): MachineCredential {
  const { id, subject, scopes, claims, revoked, expired } = fieldsOf(answer);
  const isIdentified = isText(id) && isText(subject);
  if (!isIdentified || !isTextList(scopes)) throw unusable('a machine token');
  if (typeof revoked !== 'boolean' || typeof expired !== 'boolean') throw unusable('a machine token');
  const hasClaims = claims !== undefined && claims !== null;
  if (hasClaims && (typeof claims !== 'object' || Array.isArray(claims))) throw unusable('a machine token');
  return { id, subject, scopes, claims: fieldsOf(claims), revoked, expired };
}

/** @throws ClerkError CLERK_UNAVAILABLE when it is not the user asked for */
export function requireUser(user: User, userId: string): User {
  // `raw` is what the client made the user of: only a user has it.
  if (user.id === userId && user.raw?.id === userId) return user;
  throw unusable('the user asked for');
}

/** @throws ClerkError CLERK_UNAVAILABLE when it is not the session asked for, with its user, status and end */
export function requireSession(session: Session, sessionId: string): Session {
  const { id, userId, status, expireAt } = fieldsOf(session);
  const isComplete = isText(userId) && isText(status) && typeof expireAt === 'number';
  if (id === sessionId && isComplete) return session;
  throw unusable('the session asked for');
}

/** @throws ClerkError CLERK_UNAVAILABLE when it does not say that this was deleted */
export function requireDeletion(answer: unknown, id: string): void {
  const { id: deletedId, deleted } = fieldsOf(answer);
  if (deletedId !== id || deleted !== true) throw unusable('a deletion');
}

/** @throws ClerkError CLERK_UNAVAILABLE when it is not a list of things with an id each */
export function requireList<T extends { readonly data: readonly unknown[] }>(answer: T): T {
  if (Array.isArray(answer.data) && answer.data.every((item) => isText(fieldsOf(item)['id']))) return answer;
  throw unusable('a list');
}

/** @throws ClerkError CLERK_UNAVAILABLE when it is not how many there are */
export function requireCount(count: unknown): number {
  if (Number.isSafeInteger(count) && Number(count) >= 0) return Number(count);
  throw unusable('a number of things');
}

/** @throws ClerkError CLERK_UNAVAILABLE when it does not name an instance */
export function requireInstanceId(answer: unknown): string {
  const { id } = fieldsOf(answer);
  if (isText(id)) return id;
  throw unusable('an instance');
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function unusable(what: string): ClerkError {
  return new ClerkError('CLERK_UNAVAILABLE', `Clerk answered with something that is not ${what}.`);
}
