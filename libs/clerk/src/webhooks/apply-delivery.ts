import type { Mirror } from '../mirror/mirror.js';
import { parseClerkSubscription } from '../subscriptions/clerk-subscription.js';
import { parseClerkUser } from '../users/clerk-user.js';
import { applyMirrored, versionOf } from './apply-mirrored.js';
import { CLERK_EVENT_TYPES, type ClerkEvent, type EventDelivery } from './clerk-event.js';
import type { WebhookDelivery } from './webhook-delivery.js';
import type { ApplyResult } from './webhook-inbox.js';

/** Somebody may do less from now on: tokens that were issued until then must not be taken any more. */
export type AccessEnded =
  | { readonly kind: 'session'; readonly sessionId: string }
  /** `atMs`: since when, Unix time, milliseconds, by Clerk's clock. */
  | { readonly kind: 'user'; readonly userId: string; readonly atMs: number; readonly isDeleted: boolean };

/** Final: whatever else comes of such a session, its tokens are refused from then on. */
const SESSION_ENDED: ReadonlySet<string> = new Set(['session.ended', 'session.removed', 'session.revoked']);

/** What came of a delivery. */
export interface Applied {
  readonly result: ApplyResult;
  /** What the host is told of; null when nothing happened, or nothing is left to tell. */
  readonly event: ClerkEvent | null;
}

/**
 * Writes what a delivery says into the mirror. `….created` and `….updated` are treated alike: either may come first.
 *
 * @throws ClerkError DATABASE_UNAVAILABLE
 */
export async function applyDelivery(delivery: WebhookDelivery, mirror: Mirror): Promise<Applied> {
  const known = deliveryOf(delivery.type);
  if (known === 'mirrored') {
    const event = await applyMirrored(delivery, mirror);
    if (event === 'stale' || event === 'ignored') return { result: event, event: null };
    return { result: 'applied', event };
  }
  return { result: await applyOther(delivery, mirror), event: eventIn(delivery, known) };
}

/** What a delivery takes away once it is applied; null when nothing. A stale one takes nothing: a later one has spoken. */
export function accessEndedBy(delivery: WebhookDelivery, result: ApplyResult): AccessEnded | null {
  const { type, entityId } = delivery;
  if (result !== 'applied' || entityId === null) return null;
  if (SESSION_ENDED.has(type)) return { kind: 'session', sessionId: entityId };
  if (type === 'user.deleted')
    return { kind: 'user', userId: entityId, atMs: delivery.timestampMs, isDeleted: true };
  if (type !== 'user.created' && type !== 'user.updated') return null;
  const profile = parseClerkUser(delivery.payload?.['data'], delivery.timestampMs);
  if (profile === null || profile.isActive) return null;
  return { kind: 'user', userId: entityId, atMs: profile.updatedAt.getTime(), isDeleted: false };
}

async function applyOther(delivery: WebhookDelivery, mirror: Mirror): Promise<ApplyResult> {
  if (SESSION_ENDED.has(delivery.type)) return delivery.entityId === null ? 'ignored' : 'applied';
  if (!delivery.type.startsWith('subscription.')) return 'ignored';
  const subscription = parseClerkSubscription(delivery.payload?.['data'], delivery.timestampMs);
  if (subscription === null) return 'ignored';
  const version = versionOf(delivery, subscription.updatedAt.getTime());
  const { outcome } = await mirror.subscriptions.upsert(subscription, version);
  return outcome === 'stale' ? 'stale' : 'applied';
}

/** Null for what is no event of Clerk, and for what was wiped with the user whom it was about. */
function eventIn(delivery: WebhookDelivery, known: EventDelivery | null): ClerkEvent | null {
  const { type, entityId: id, payload } = delivery;
  // What Clerk signed is what its SDK says it is: parsing 36 types again would refuse each field that Clerk adds.
  if (known === 'withheld') return { type, id } as ClerkEvent;
  if (payload === null) return null;
  const data: unknown = payload['data'];
  return known === null ? { type: 'unknown', name: type, id, data } : ({ type, id, data } as ClerkEvent);
}

function deliveryOf(type: string): EventDelivery | null {
  const types: Readonly<Record<string, EventDelivery>> = CLERK_EVENT_TYPES;
  return Object.hasOwn(types, type) ? (types[type] ?? null) : null;
}
