import fc from 'fast-check';

import { SYNC_KINDS } from '../sync/sync-kind.js';
import { compareSourceVersions, snapshotVersion, type SourceVersion } from '../users/source-version.js';
import { Revocations } from '../auth/revocations.js';
import { type AccessEnded, accessEndedBy, applyDelivery } from '../webhooks/apply-delivery.js';
import type { ClerkEvent } from '../webhooks/clerk-event.js';
import type { Mirror } from './mirror.js';
import type { MirrorUnderTest } from './mirror.contract.js';
import {
  type Cast,
  deliveryOf,
  entitiesOf,
  expectedEnds,
  newCast,
  newestOf,
  offsetMs,
  ordersOf,
  SNAPSHOT_SENT,
  type Told,
} from './mirror-model.contract.js';

type Plan = (cast: Cast) => readonly Told[];

/** Five events of one thing each, ties among them. */
const PLANS: Readonly<Record<string, Plan>> = {
  'a user': ({ users: [user = ''] }) => lifeOf('user', user),
  'a user whom a request brings first': ({ users: [user = ''] }) => [
    snapshot('user', user, 1),
    told('user.created', user, { at: 1, sent: 0 }),
    told('user.updated', user, { at: 2 }),
    snapshot('user', user, 2),
    told('user.deleted', user, { at: 3 }),
  ],
  'an organisation': ({ organizations: [organization = ''] }) => lifeOf('organization', organization),
  'a membership': ({ memberships: [membership] }) => [
    told('organizationMembership.created', membership?.id ?? '', { at: 1 }),
    told('organizationMembership.updated', membership?.id ?? '', { at: 2 }),
    told('organizationMembership.deleted', membership?.id ?? '', { at: 3 }),
    told('organization.deleted', membership?.organization ?? '', { at: 4 }),
    told('user.deleted', membership?.user ?? '', { at: 5 }),
  ],
  'a membership in doubt': ({ memberships: [membership] }) => [
    told('organizationMembership.created', membership?.id ?? '', { at: 1 }),
    told('organizationMembership.updated', membership?.id ?? '', { at: 2, sent: 2 }),
    told('organizationMembership.updated', membership?.id ?? '', { at: 2, sent: 3 }),
    told('organization.updated', membership?.organization ?? '', { at: 4 }),
  ],
  'a session': ({ users: [user = ''], sessions: [session = ''] }) => [
    told('session.created', session, { at: 1 }),
    told('session.ended', session, { at: 2 }),
    told('session.removed', session, { at: 1, sent: 2 }),
    told('session.pending', session, { at: 3 }),
    told('user.deleted', user, { at: 4 }),
  ],
  'a session that is revoked': ({ sessions: [session = ''] }) => [
    told('session.revoked', session, { at: 1 }),
    told('session.created', session, { at: 2 }),
    told('session.pending', session, { at: 3 }),
  ],
  'a subscription': ({ users: [user = ''], subscriptions: [subscription = ''] }) => [
    told('subscription.created', subscription, { at: 1 }),
    told('subscription.active', subscription, { at: 2, sent: 2 }),
    told('subscription.updated', subscription, { at: 2, sent: 3 }),
    told('subscription.pastDue', subscription, { at: 3 }),
    told('user.deleted', user, { at: 4 }),
  ],
};

/** Any order and any repetition of what Clerk sends ends in the rows of the model, and tells handlers of each life once. */
export function describeMirrorHistories(create: () => MirrorUnderTest, { runs = 100 } = {}): void {
  let under: MirrorUnderTest;

  beforeAll(() => {
    under = create();
  });

  it.each(Object.entries(PLANS))(
    'of %s end alike in every order, with a late duplicate',
    async (_what, plan) => {
      const orders = ordersOf(plan(newCast()).map((_told, index) => index));
      await eachOf(orders, async (order, index) => {
        const cast = newCast();
        const events = plan(cast);
        const late = order[index % order.length] ?? 0;
        const history = [...order, late].flatMap((place) => events[place] ?? []);
        await expectModelled(under, cast, history);
      });
    },
    240_000,
  );

  it('of many things at once end as the model says, however long, shuffled and repeated', async () => {
    await fc.assert(
      fc.asyncProperty(worldHistory(), async (steps) => {
        const cast = newCast();
        await expectModelled(
          under,
          cast,
          steps.map((step) => toldIn(cast, step)),
        );
      }),
      { numRuns: runs },
    );
  }, 240_000);
}

async function expectModelled(
  { mirror, transaction }: MirrorUnderTest,
  cast: Cast,
  history: readonly Told[],
): Promise<void> {
  const calls: Call[] = [];
  const revocations = new Revocations(() => 0);
  for (const one of history) {
    const { event, ended } = await transaction((staged) => apply(one, cast, staged));
    if (ended !== null) revocations.add({ revocation: ended, untilMs: 1 });
    const call = event === null ? null : callOf(event);
    if (call !== null) calls.push({ ...call, version: versionOf(one) });
  }
  const expected = expectedEnds(history, cast);
  const sessions = cast.sessions.map((id) => [id, revocations.isSessionRevoked(id) ? 'ended' : 'not ended']);
  expect({ ...(await endsIn(mirror, cast)), ...Object.fromEntries(sessions) }).toEqual(expected);
  for (const id of entitiesOf(cast)) {
    const own = calls.filter((call) => call.id === id);
    const isTold = !id.startsWith('csub_') && newestOf(history, id)?.sent !== SNAPSHOT_SENT;
    expectLife(own, expected[id] ?? '', { isTold });
  }
}

interface Outcome {
  readonly event: ClerkEvent | null;
  readonly ended: AccessEnded | null;
}

/** A snapshot is written as a backfill or a first request writes it, of which handlers hear nothing. */
async function apply(one: Told, cast: Cast, mirror: Mirror): Promise<Outcome> {
  const delivery = deliveryOf(one, cast);
  if (one.sent !== SNAPSHOT_SENT) {
    const { event, result } = await applyDelivery(delivery, mirror);
    return { event, ended: accessEndedBy(delivery, result) };
  }
  const kind = SYNC_KINDS.find(({ eventFamily }) => one.type.startsWith(`${eventFamily}.`));
  const content = kind?.parse(delivery.payload?.['data']) ?? null;
  if (content !== null) await kind?.upsert(mirror, content, snapshotVersion(content));
  return { event: null, ended: null };
}

function versionOf({ at, sent, delivery }: Told): SourceVersion {
  return { updatedAtMs: at, timestampMs: sent, deliveryId: delivery };
}

interface Call {
  readonly version: SourceVersion;
  readonly id: string;
  readonly kind: string;
  readonly content: string;
}

/** What a handler of mirrored things is called with. */
function callOf(event: ClerkEvent): Omit<Call, 'version'> | null {
  const kind = event.type.split('.')[1] ?? '';
  if ('user' in event) return { id: event.user.clerkId, kind, content: event.user.firstName ?? '' };
  if ('organization' in event)
    return { id: event.organization.clerkId, kind, content: event.organization.name ?? '' };
  if ('membership' in event)
    return { id: event.membership.clerkId, kind, content: event.membership.role ?? '' };
  if (event.type === 'user.deleted') return { id: event.clerkId, kind, content: '' };
  if (event.type === 'organization.deleted') return { id: event.organizationId, kind, content: '' };
  return event.type === 'organizationMembership.deleted'
    ? { id: event.membershipId, kind, content: '' }
    : null;
}

/** Created at most once and first, newer and newer, deleted once and last if ever; the last word is the row. */
function expectLife(calls: readonly Call[], end: string, { isTold }: { isTold: boolean }): void {
  const kinds = calls.map(({ kind }) => kind);
  expect(kinds.lastIndexOf('created')).toBeLessThanOrEqual(0);
  expect(kinds.filter((kind) => kind === 'deleted')).toHaveLength(end.startsWith('deleted') ? 1 : 0);
  if (end.startsWith('deleted')) expect(kinds.at(-1)).toBe('deleted');
  if (kinds.length > 0 && kinds[0] !== 'deleted') expect(kinds[0]).toBe('created');
  const versions = calls.filter(({ kind }) => kind !== 'deleted').map(({ version }) => version);
  for (const [index, version] of versions.slice(1).entries())
    expect(compareSourceVersions(version, versions[index] ?? version)).toBeGreaterThan(0);
  if (isTold && end.startsWith('live')) expect(`live ${calls.at(-1)?.content}`).toBe(end.replace('?', ''));
}

async function endsIn(mirror: Mirror, cast: Cast): Promise<Readonly<Record<string, string>>> {
  const tables = [mirror.users, mirror.organizations, mirror.memberships, mirror.subscriptions];
  const doubtful = new Set<string>();
  for (const table of tables) for (const id of await table.listInDoubt(10_000)) doubtful.add(id);
  const ends: Record<string, string> = {};
  for (const id of entitiesOf(cast)) {
    if (cast.sessions.includes(id)) continue;
    const end = await lookUp(mirror, id);
    if (end.outcome === 'deleted') ends[id] = `deleted ${offsetMs(end.deletedAt)}`;
    else if (end.outcome === 'found') ends[id] = `live ${end.content}${doubtful.has(id) ? '?' : ''}`;
    else ends[id] = end.outcome;
  }
  return ends;
}

async function lookUp(mirror: Mirror, id: string) {
  if (id.startsWith('user_')) {
    const found = await mirror.users.find(id);
    return found.outcome === 'found' ? { ...found, content: found.user.firstName } : found;
  }
  if (id.startsWith('org_')) {
    const found = await mirror.organizations.find(id);
    return found.outcome === 'found' ? { ...found, content: found.row.name } : found;
  }
  if (id.startsWith('orgmem_')) {
    const found = await mirror.memberships.find(id);
    return found.outcome === 'found' ? { ...found, content: found.row.role } : found;
  }
  const found = await mirror.subscriptions.find(id);
  return found.outcome === 'found' ? { ...found, content: found.row.planSlug } : found;
}

function lifeOf(family: string, id: string): readonly Told[] {
  return [
    told(`${family}.created`, id, { at: 1 }),
    told(`${family}.updated`, id, { at: 2, sent: 2, name: 'B' }),
    told(`${family}.updated`, id, { at: 2, sent: 2, name: 'b' }),
    told(`${family}.updated`, id, { at: 2, sent: 3 }),
    told(`${family}.deleted`, id, { at: 1 }),
  ];
}

function snapshot(family: string, id: string, at: number): Told {
  return { type: `${family}.snapshot`, id, at, sent: SNAPSHOT_SENT, delivery: '', content: `${at} m` };
}

function told(
  type: string,
  id: string,
  { at, sent = at, name = 'm' }: { at: number; sent?: number; name?: string },
): Told {
  const version = `${at}-${sent}-${name}`;
  return { type, id, at, sent, delivery: `msg_${name}_${id}_${type}_${version}`, content: `${at} ${name}` };
}

interface Step {
  readonly who: number;
  readonly isDeletion: boolean;
  readonly isUpdate: boolean;
  readonly isSnapshot: boolean;
  readonly at: number;
  readonly sent: number;
  readonly name: string;
}

/** Up to 16 things happen to the twelve of a cast, each told once or more, in any order. */
function worldHistory(): fc.Arbitrary<Step[]> {
  const step = fc.record({
    who: fc.nat(11),
    // Of those that are deleted half are owners, so that most of what they own lives to see it.
    isDeletion: fc.integer({ min: 0, max: 5 }).map((one) => one === 0),
    isUpdate: fc.boolean(),
    isSnapshot: fc.nat(3).map((one) => one === 0),
    at: fc.nat(3),
    sent: fc.nat(2),
    name: fc.constantFrom('a', 'B', 'm'),
  });
  return fc
    .array(step, { minLength: 1, maxLength: 16 })
    .map((steps) =>
      steps.filter(
        (one, index) =>
          !one.isDeletion || steps.findIndex((other) => other.isDeletion && other.who === one.who) === index,
      ),
    )
    .chain((steps) => fc.shuffledSubarray([...steps, ...steps], { minLength: steps.length }));
}

function toldIn(cast: Cast, step: Step): Told {
  const id = entitiesOf(cast)[step.who] ?? '';
  if (id.startsWith('csub_'))
    return told(step.isUpdate ? 'subscription.updated' : 'subscription.created', id, step);
  if (id.startsWith('sess_')) return told(sessionEvent(step), id, step);
  const family =
    { user: 'user', org: 'organization', orgmem: 'organizationMembership' }[id.split('_')[0] ?? ''] ?? '';
  if (step.isDeletion) return told(`${family}.deleted`, id, step);
  if (step.isSnapshot) return snapshot(family, id, step.at);
  return told(`${family}.${step.isUpdate ? 'updated' : 'created'}`, id, step);
}

function sessionEvent({ isDeletion, isUpdate }: Step): string {
  if (isDeletion) return 'session.revoked';
  return isUpdate ? 'session.ended' : 'session.created';
}

/** Some at a time, each with one statement after the other: as many as a connection pool takes without waiting. */
async function eachOf<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  const lanes = Array.from({ length: 6 }, async () => {
    for (const [index, item] of left) await work(item, index);
  });
  await Promise.all(lanes);
}
