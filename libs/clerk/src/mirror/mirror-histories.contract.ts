import fc from 'fast-check';

import { applyDelivery } from '../webhooks/apply-delivery.js';
import type { ClerkEvent } from '../webhooks/clerk-event.js';
import type { Mirror } from './mirror.js';
import type { MirrorUnderTest } from './mirror.contract.js';
import {
  type Cast,
  deliveryOf,
  entitiesOf,
  expectedEnds,
  newCast,
  offsetMs,
  ordersOf,
  type Told,
} from './mirror-model.contract.js';

type Plan = (cast: Cast) => readonly Told[];

/** Five events of one thing each, ties among them. */
const PLANS: Readonly<Record<string, Plan>> = {
  'a user': ({ users: [user = ''] }) => lifeOf('user', user),
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
    60_000,
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
  }, 60_000);
}

async function expectModelled(
  { mirror, transaction }: MirrorUnderTest,
  cast: Cast,
  history: readonly Told[],
): Promise<void> {
  const calls: Call[] = [];
  for (const one of history) {
    const { event } = await transaction((staged) => applyDelivery(deliveryOf(one, cast), staged));
    const call = event === null ? null : callOf(event);
    if (call !== null) calls.push(call);
  }
  const expected = expectedEnds(history, cast);
  expect(await endsIn(mirror, cast)).toEqual(expected);
  for (const id of entitiesOf(cast)) {
    const own = calls.filter((call) => call.id === id);
    expectLife(own, id.startsWith('csub_') ? 'told otherwise' : (expected[id] ?? ''));
  }
}

interface Call {
  readonly id: string;
  readonly kind: string;
  readonly content: string;
}

/** What a handler of mirrored things is called with. */
function callOf(event: ClerkEvent): Call | null {
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

/** Created at most once and first, deleted once and last if ever; the last word is the row. */
function expectLife(calls: readonly Call[], end: string): void {
  const kinds = calls.map(({ kind }) => kind);
  expect(kinds.lastIndexOf('created')).toBeLessThanOrEqual(0);
  expect(kinds.filter((kind) => kind === 'deleted')).toHaveLength(end.startsWith('deleted') ? 1 : 0);
  if (end.startsWith('deleted')) expect(kinds.at(-1)).toBe('deleted');
  if (kinds.length > 0 && kinds[0] !== 'deleted') expect(kinds[0]).toBe('created');
  if (end.startsWith('live')) expect(`live ${calls.at(-1)?.content}`).toBe(end.replace('?', ''));
}

async function endsIn(mirror: Mirror, cast: Cast): Promise<Readonly<Record<string, string>>> {
  const tables = [mirror.users, mirror.organizations, mirror.memberships, mirror.subscriptions];
  const doubtful = new Set((await Promise.all(tables.map((table) => table.listInDoubt(10_000)))).flat());
  const ends = entitiesOf(cast).map(async (id): Promise<[string, string]> => {
    const end = await lookUp(mirror, id);
    if (end.outcome === 'deleted') return [id, `deleted ${offsetMs(end.deletedAt)}`];
    return [id, end.outcome === 'found' ? `live ${end.content}${doubtful.has(id) ? '?' : ''}` : end.outcome];
  });
  return Object.fromEntries(await Promise.all(ends));
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
  readonly at: number;
  readonly sent: number;
  readonly name: string;
}

/** Up to 16 things happen to the ten of a cast, each told once or more, in any order. */
function worldHistory(): fc.Arbitrary<Step[]> {
  const step = fc.record({
    who: fc.nat(9),
    // Of those that are deleted half are owners, so that most of what they own lives to see it.
    isDeletion: fc.integer({ min: 0, max: 5 }).map((one) => one === 0),
    isUpdate: fc.boolean(),
    at: fc.nat(3),
    sent: fc.nat(2),
    name: fc.constantFrom('a', 'B', 'b'),
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
  const family =
    { user: 'user', org: 'organization', orgmem: 'organizationMembership' }[id.split('_')[0] ?? ''] ?? '';
  if (step.isDeletion) return told(`${family}.deleted`, id, step);
  return told(`${family}.${step.isUpdate ? 'updated' : 'created'}`, id, step);
}

/** Some at a time: as many as a connection pool takes without waiting. */
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
