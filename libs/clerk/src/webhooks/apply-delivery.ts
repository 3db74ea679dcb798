import { parseClerkUser } from '../users/clerk-user.js';
import type { UserProfile } from '../users/mirrored-user.js';
import type { Mirror } from '../mirror/mirror.js';
import type { UserApplication, UserMirror } from '../users/user-mirror.js';
import type { ClerkEvent } from './clerk-event.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import type { ApplyResult } from './webhook-inbox.js';

/** Somebody may do less from now on: tokens that were issued until then must not be taken any more. */
export type AccessEnded =
  | { readonly kind: 'session'; readonly sessionId: string }
  /** `atMs`: since when, Unix time, milliseconds, by Clerk's clock. */
  | { readonly kind: 'user'; readonly userId: string; readonly atMs: number; readonly isDeleted: boolean };

const SESSION_ENDED: ReadonlySet<string> = new Set(['session.ended', 'session.removed', 'session.revoked']);

/** What came of a delivery. */
export interface Applied {
  readonly result: ApplyResult;
  /** What it changed for the host; null when it changed nothing, or nothing that the host is told of. */
  readonly event: ClerkEvent | null;
}

/**
 * Writes what a delivery says into the mirror. `user.created` and `user.updated` are treated alike: either may come first.
 *
 * @throws ClerkError DATABASE_UNAVAILABLE
 */
export async function applyDelivery(delivery: WebhookDelivery, mirror: Mirror): Promise<Applied> {
  if (SESSION_ENDED.has(delivery.type)) {
    return { result: delivery.entityId === null ? 'ignored' : 'applied', event: null };
  }
  const application = await applyUser(delivery, mirror.users);
  if (application === null) return { result: 'ignored', event: null };
  if (application.outcome === 'stale') return { result: 'stale', event: null };
  return { result: 'applied', event: eventOf(delivery.entityId ?? '', application) };
}

/** What a delivery takes away once it is applied; null when nothing. A stale one takes nothing: a later one has spoken. */
export function accessEndedBy(delivery: WebhookDelivery, result: ApplyResult): AccessEnded | null {
  const { type, entityId } = delivery;
  if (result !== 'applied' || entityId === null) return null;
  if (SESSION_ENDED.has(type)) return { kind: 'session', sessionId: entityId };
  if (type === 'user.deleted')
    return { kind: 'user', userId: entityId, atMs: delivery.timestampMs, isDeleted: true };
  const profile = profileIn(delivery);
  if (profile === null || profile.isActive) return null;
  return { kind: 'user', userId: entityId, atMs: profile.updatedAt.getTime(), isDeleted: false };
}

/** Null when the delivery says nothing of a user. */
async function applyUser(delivery: WebhookDelivery, users: UserMirror): Promise<UserApplication | null> {
  if (delivery.type === 'user.deleted') {
    if (!delivery.entityId?.startsWith('user_')) return null;
    return users.delete(delivery.entityId, versionOf(delivery, delivery.timestampMs));
  }
  const profile = profileIn(delivery);
  return profile === null ? null : users.upsert(profile, versionOf(delivery, profile.updatedAt.getTime()));
}

/** By what happened to the row, whatever the delivery is called. */
function eventOf(clerkId: string, application: Exclude<UserApplication, { outcome: 'stale' }>): ClerkEvent {
  if (application.outcome === 'deleted') return { type: 'user.deleted', clerkId, userId: application.id };
  return {
    type: application.outcome === 'created' ? 'user.created' : 'user.updated',
    user: application.user,
  };
}

function profileIn(delivery: WebhookDelivery): UserProfile | null {
  const isUser = delivery.type === 'user.created' || delivery.type === 'user.updated';
  return isUser ? parseClerkUser(delivery.payload?.['data'], delivery.timestampMs) : null;
}

function versionOf(delivery: WebhookDelivery, updatedAtMs: number) {
  return { updatedAtMs, timestampMs: delivery.timestampMs, deliveryId: delivery.id };
}
