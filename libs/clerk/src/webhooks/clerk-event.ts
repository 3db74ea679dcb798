import type { WebhookEvent, WebhookEventType } from '@clerk/backend';

import type { ClerkDatabaseConnection } from '../clerk-database.js';
import type { MirroredMembership } from '../organizations/mirrored-membership.js';
import type { MirroredOrganization } from '../organizations/mirrored-organization.js';
import type { MirroredUser } from '../users/mirrored-user.js';

/** What a handler is given beside the event. */
export interface ClerkEventContext {
  /** The transaction that changes the mirror: what is written in it commits with that change or not at all. Null without a database. */
  readonly transaction: ClerkDatabaseConnection | null;
  /** The same on every attempt, endpoint and replay of one event: what another system should drop a repetition by. */
  readonly idempotencyKey: string;
  /** 1 the first time. */
  readonly attempt: number;
  /** Aborted when the handler is given up: nothing of this attempt is kept any more. */
  readonly signal: AbortSignal;
}

/**
 * What happened to a row of the mirror: computed against the row that was there, so that a stale or repeated webhook is no event.
 * A user whom a request brought before his webhook comes as `user.updated`. Memberships that go with their user or organisation
 * have no event of their own.
 */
type MirrorEvent =
  | { readonly type: 'user.created' | 'user.updated'; readonly user: MirroredUser }
  /** `userId`: our own id; null for a user who was never seen here. */
  | { readonly type: 'user.deleted'; readonly clerkId: string; readonly userId: string | null }
  | {
      readonly type: 'organization.created' | 'organization.updated';
      readonly organization: MirroredOrganization;
    }
  | { readonly type: 'organization.deleted'; readonly organizationId: string }
  | {
      readonly type: 'organizationMembership.created' | 'organizationMembership.updated';
      readonly membership: MirroredMembership;
    }
  /** Of whom and of which organisation, where Clerk says so. */
  | {
      readonly type: 'organizationMembership.deleted';
      readonly membershipId: string;
      readonly organizationId: string | null;
      readonly userId: string | null;
    };

/** How each of Clerk's event types comes to a handler. */
export type EventDelivery =
  /** By what happened to a row of the mirror. */
  | 'mirrored'
  /** Once for each delivery, with Clerk's `data`. */
  | 'data'
  /** Once for each delivery, without `data`: it holds a one-time code or a message, and is not kept. */
  | 'withheld';

// Each of Clerk's types, and nothing else: the compiler sees to both. https://clerk.com/docs/webhooks (SDK 3.20.1)
export const CLERK_EVENT_TYPES = {
  'user.created': 'mirrored',
  'user.updated': 'mirrored',
  'user.deleted': 'mirrored',
  'session.created': 'data',
  'session.ended': 'data',
  'session.removed': 'data',
  'session.revoked': 'data',
  'email.created': 'withheld',
  'sms.created': 'withheld',
  'organization.created': 'mirrored',
  'organization.updated': 'mirrored',
  'organization.deleted': 'mirrored',
  'organizationDomain.created': 'data',
  'organizationDomain.updated': 'data',
  'organizationDomain.deleted': 'data',
  'organizationMembership.created': 'mirrored',
  'organizationMembership.updated': 'mirrored',
  'organizationMembership.deleted': 'mirrored',
  'organizationInvitation.created': 'data',
  'organizationInvitation.accepted': 'data',
  'organizationInvitation.revoked': 'data',
  'role.created': 'data',
  'role.updated': 'data',
  'role.deleted': 'data',
  'permission.created': 'data',
  'permission.updated': 'data',
  'permission.deleted': 'data',
  'waitlistEntry.created': 'data',
  'waitlistEntry.updated': 'data',
  'paymentAttempt.created': 'data',
  'paymentAttempt.updated': 'data',
  'subscription.created': 'data',
  'subscription.updated': 'data',
  'subscription.active': 'data',
  'subscription.pastDue': 'data',
  'subscriptionItem.created': 'data',
  'subscriptionItem.updated': 'data',
  'subscriptionItem.active': 'data',
  'subscriptionItem.canceled': 'data',
  'subscriptionItem.upcoming': 'data',
  'subscriptionItem.ended': 'data',
  'subscriptionItem.abandoned': 'data',
  'subscriptionItem.incomplete': 'data',
  'subscriptionItem.pastDue': 'data',
  'subscriptionItem.freeTrialEnding': 'data',
} as const satisfies Readonly<Record<WebhookEventType, EventDelivery>>;

type EventTypes = typeof CLERK_EVENT_TYPES;
type TypeWith<Delivery> = {
  [Type in keyof EventTypes]: EventTypes[Type] extends Delivery ? Type : never;
}[keyof EventTypes];

/** `data` as the official SDK types it. */
type DataOf<Type, Event = WebhookEvent> = Event extends { type: infer Types; data: infer Data }
  ? Type extends Types
    ? Data
    : never
  : never;

type DataEvent = {
  [Type in TypeWith<'data'>]: {
    readonly type: Type;
    /** `data.id` */
    readonly id: string | null;
    readonly data: DataOf<Type>;
  };
}[TypeWith<'data'>];

interface WithheldEvent {
  readonly type: TypeWith<'withheld'>;
  readonly id: string | null;
}

/** Of a type that is not in the official SDK: `name`. */
interface UnknownEvent {
  readonly type: 'unknown';
  readonly name: string;
  readonly id: string | null;
  readonly data: unknown;
}

export type ClerkEvent = MirrorEvent | DataEvent | WithheldEvent | UnknownEvent;

/** Events of a type, of a family (`organizationMembership.*`), of all types (`*`), or of those that nobody knows yet (`unknown`). */
export type ClerkEventPattern =
  ClerkEvent['type'] | `${FamilyOf<Exclude<ClerkEvent['type'], 'unknown'>>}.*` | '*';

type FamilyOf<Type extends string> = Type extends `${infer Family}.${string}` ? Family : never;

/** What a handler of a type or pattern is given. */
export type ClerkEventOf<Pattern extends ClerkEventPattern> = Pattern extends '*'
  ? ClerkEvent
  : Pattern extends `${infer Family}.*`
    ? EventIn<Family>
    : EventOf<Pattern>;

type EventOf<Type, Event = ClerkEvent> = Event extends { readonly type: infer Types }
  ? Type extends Types
    ? Event & { readonly type: Type }
    : never
  : never;

type EventIn<Family extends string, Event = ClerkEvent> = Event extends {
  readonly type: `${Family}.${string}`;
}
  ? Event
  : never;

/** Whether an event of `type` is one of `pattern`. */
export function matchesEvent(pattern: string, type: string): boolean {
  if (pattern === '*' || pattern === type) return true;
  return pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1));
}
