import type { SeededRandom } from './chaos-random.js';

/** A webhook as Clerk would send it, and what the model has to know of it. */
export interface ChaosMessage {
  /** `svix-id` */
  readonly id: string;
  readonly type: string;
  readonly entityId: string;
  /** Of an entity that goes with these. */
  readonly ownerIds: readonly string[];
  /** Unix time, milliseconds; null for a deletion, which Clerk sends without. */
  readonly updatedAtMs: number | null;
  /** Unix time, milliseconds. */
  readonly timestampMs: number;
  /** What the row shows of it. */
  readonly content: string;
  /** Of another Clerk instance: nothing may follow from it. */
  readonly isForeign: boolean;
  readonly body: string;
}

export interface HistoryOptions {
  readonly random: SeededRandom;
  readonly userCount: number;
  readonly organizationCount: number;
  readonly membershipCount: number;
  readonly instanceId: string;
}

interface Entity {
  readonly family: 'user' | 'organization' | 'organizationMembership';
  readonly id: string;
  readonly ownerIds: readonly string[];
  /** What stays the same in each of its events. */
  readonly data: object;
}

type Step = Pick<ChaosMessage, 'updatedAtMs' | 'timestampMs' | 'content'> & {
  readonly verb: 'created' | 'updated' | 'deleted';
  readonly isForeign?: boolean;
};

const UPDATES_MAX = 4;
const [DELETED_SHARE, TIE_SHARE, FOREIGN_SHARE] = [0.25, 0.15, 0.03];

/** The lives of users, organisations and memberships, in the order in which they happened. */
export function writeHistory(options: HistoryOptions): readonly ChaosMessage[] {
  const { random } = options;
  // Lately, so that no webhook is too old to be believed.
  const beganMs = Date.now() - 600_000;
  return castOf(options).flatMap((entity) =>
    lifeOf(random, beganMs + random.below(60_000)).map((step) => messageOf(entity, step, options)),
  );
}

function castOf({ random, ...counts }: HistoryOptions): readonly Entity[] {
  const many = <T>(count: number, create: () => T) => Array.from({ length: count }, create);
  const users = many(counts.userCount, () => random.id('user'));
  const organizations = many(counts.organizationCount, () => random.id('org'));
  return [
    ...users.map((id): Entity => ({ family: 'user', id, ownerIds: [], data: {} })),
    ...organizations.map((id): Entity => ({ family: 'organization', id, ownerIds: [], data: {} })),
    ...many(counts.membershipCount, (): Entity => {
      const [user, organization] = [random.pick(users), random.pick(organizations)];
      const data = { organization: { id: organization }, public_user_data: { user_id: user } };
      const id = random.id('orgmem');
      return { family: 'organizationMembership', id, ownerIds: [user, organization], data };
    }),
  ];
}

function lifeOf(random: SeededRandom, createdMs: number): readonly Step[] {
  const content = () => random.id('says');
  const steps: Step[] = [
    { verb: 'created', updatedAtMs: createdMs, timestampMs: createdMs + 5, content: content() },
  ];
  let [updatedAtMs, timestampMs] = [createdMs, createdMs + 5];
  for (let count = random.below(UPDATES_MAX + 1); count > 0; count -= 1) {
    // Some changes fall into one millisecond, and of those some are told in one.
    if (!random.isHit(TIE_SHARE)) updatedAtMs += 1 + random.below(5_000);
    if (!random.isHit(TIE_SHARE)) timestampMs = Math.max(timestampMs, updatedAtMs) + random.below(50);
    steps.push({ verb: 'updated', updatedAtMs, timestampMs, content: content() });
  }
  if (random.isHit(FOREIGN_SHARE)) {
    const laterMs = updatedAtMs + 60_000;
    const said = { timestampMs: laterMs, content: content(), isForeign: true };
    if (random.isHit(0.5)) steps.push({ verb: 'deleted', updatedAtMs: null, ...said });
    else steps.push({ verb: 'updated', updatedAtMs: laterMs, ...said });
  }
  if (random.isHit(DELETED_SHARE)) {
    // Terminal whatever the clocks say: not always the last by its time.
    const deletedMs = timestampMs + 1_000 - random.below(3_000);
    steps.push({ verb: 'deleted', updatedAtMs: null, timestampMs: deletedMs, content: '' });
  }
  return steps;
}

function messageOf(
  entity: Entity,
  { verb, isForeign = false, ...step }: Step,
  { random, instanceId }: HistoryOptions,
): ChaosMessage {
  const { family, id: entityId, ownerIds } = entity;
  const type = `${family}.${verb}`;
  const data =
    verb === 'deleted'
      ? { id: entityId, object: family, deleted: true }
      : {
          ...entity.data,
          id: entityId,
          updated_at: step.updatedAtMs,
          created_at: step.updatedAtMs,
          ...contentOf(family, step.content),
        };
  const body = JSON.stringify({
    data,
    object: 'event',
    type,
    timestamp: step.timestampMs,
    instance_id: isForeign ? 'ins_another' : instanceId,
  });
  return { id: random.id('msg'), type, entityId, ownerIds, isForeign, body, ...step };
}

function contentOf(family: Entity['family'], content: string): object {
  if (family === 'organizationMembership') return { role: content };
  if (family === 'organization') return { name: content };
  const email = { id: 'idn_1', email_address: `${content}@example.com` };
  return { first_name: content, email_addresses: [email], primary_email_address_id: email.id };
}
