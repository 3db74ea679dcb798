import { randomUUID } from 'node:crypto';

import { parseWebhookDelivery, type WebhookDelivery } from '../webhooks/webhook-delivery.js';

const BASE_MS = 1_800_000_000_000;

/** `sent` of what the Backend API gave: below that of any webhook. */
export const SNAPSHOT_SENT = -BASE_MS;

const ENDING: ReadonlySet<string> = new Set(['session.ended', 'session.removed', 'session.revoked']);

/** Who is in a history: new ones for each, so that histories may run beside each other. */
export interface Cast {
  readonly users: readonly string[];
  readonly organizations: readonly string[];
  readonly memberships: readonly Membership[];
  /** One for each user. */
  readonly subscriptions: readonly string[];
  /** One for each user. They are no rows: that one has ended is all that is known of it. */
  readonly sessions: readonly string[];
}

interface Membership {
  readonly id: string;
  readonly user: string;
  readonly organization: string;
}

/** One event of Clerk's, in few words. `at` and `sent` are milliseconds after a fixed time; `content` is what the row shows. */
export interface Told {
  readonly type: string;
  readonly id: string;
  readonly at: number;
  readonly sent: number;
  readonly delivery: string;
  readonly content: string;
}

export function newCast(): Cast {
  const newId = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;
  const users = [newId('user'), newId('user')];
  const organizations = [newId('org'), newId('org')];
  const memberships = organizations.flatMap((organization) =>
    users.map((user) => ({ id: newId('orgmem'), user, organization })),
  );
  const subscriptions = users.map(() => newId('csub'));
  return { users, organizations, memberships, subscriptions, sessions: users.map(() => newId('sess')) };
}

export function entitiesOf(cast: Cast): readonly string[] {
  return [
    ...cast.users,
    ...cast.organizations,
    ...cast.memberships.map(({ id }) => id),
    ...cast.subscriptions,
    ...cast.sessions,
  ];
}

/** As Clerk would send it: with the organisation and the person inside a membership, who are never what the row says. */
export function deliveryOf(told: Told, cast: Cast): WebhookDelivery {
  const timestamp = BASE_MS + told.sent;
  const common = { id: told.id, created_at: BASE_MS, updated_at: BASE_MS + told.at };
  const data = told.type.endsWith('.deleted')
    ? { id: told.id, deleted: true, ...partsOf(told, cast) }
    : { ...common, ...partsOf(told, cast) };
  const body = JSON.stringify({ type: told.type, data, timestamp });
  return parseWebhookDelivery(Buffer.from(body), { id: told.delivery, timestampMs: timestamp });
}

function partsOf({ id, content }: Told, cast: Cast): object {
  const membership = cast.memberships.find((one) => one.id === id);
  if (membership !== undefined) {
    return {
      role: content,
      organization: { id: membership.organization, name: 'Embedded', updated_at: BASE_MS + 9_999 },
      public_user_data: {
        user_id: membership.user,
        first_name: 'Embedded',
        identifier: 'embedded@example.com',
      },
    };
  }
  const sessionUser = cast.users[cast.sessions.indexOf(id)];
  if (sessionUser !== undefined) return { user_id: sessionUser, status: content };
  const owner = cast.users[cast.subscriptions.indexOf(id)];
  if (owner === undefined) return { first_name: content, name: content };
  return { payer: { user_id: owner }, items: [{ status: 'active', plan: { slug: content } }] };
}

/**
 * The rules once more, over the whole history at once: a deletion stays; what a deleted one owned is unknown; else the greatest
 * version is there, and in doubt (`?`) if the events of its time do not agree. A session that has ended stays so.
 */
export function expectedEnds(history: readonly Told[], cast: Cast): Readonly<Record<string, string>> {
  const isDeletion = ({ type }: Told) => type.endsWith('.deleted');
  const deletionOf = (id: string) => history.find((told) => told.id === id && isDeletion(told));
  const endOf = (id: string): string => {
    if (cast.sessions.includes(id))
      return history.some((told) => told.id === id && ENDING.has(told.type)) ? 'ended' : 'not ended';
    const deletion = deletionOf(id);
    if (deletion !== undefined) return `deleted ${deletion.sent}`;
    const told = history.filter((one) => one.id === id);
    const isOwnerGone = ownersOf(id, cast).some((owner) => deletionOf(owner) !== undefined);
    const greatest = newestOf(history, id);
    if (greatest === undefined || isOwnerGone) return 'unknown';
    const contents = new Set(told.filter(({ at }) => at === greatest.at).map(({ content }) => content));
    return `live ${greatest.content}${contents.size > 1 ? '?' : ''}`;
  };
  return Object.fromEntries(entitiesOf(cast).map((id) => [id, endOf(id)]));
}

export function newestOf(history: readonly Told[], id: string): Told | undefined {
  return history.filter((one) => one.id === id).toSorted(newestFirst)[0];
}

/** Every order of every part of `items`. */
export function ordersOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.flatMap((item, index) => [
    [item],
    ...ordersOf(items.toSpliced(index, 1)).map((rest) => [item].concat(rest)),
  ]);
}

export function offsetMs(date: Date): number {
  return date.getTime() - BASE_MS;
}

function ownersOf(id: string, cast: Cast): readonly string[] {
  const membership = cast.memberships.find((one) => one.id === id);
  if (membership !== undefined) return [membership.user, membership.organization];
  const owner = cast.users[cast.subscriptions.indexOf(id)];
  return owner === undefined ? [] : [owner];
}

function newestFirst(a: Told, b: Told): number {
  if (a.at !== b.at) return b.at - a.at;
  if (a.sent !== b.sent) return b.sent - a.sent;
  return a.delivery < b.delivery ? 1 : -1;
}
