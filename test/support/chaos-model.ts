import type { ChaosMessage } from './chaos-history.js';

/** What a handler left in the database, in the order of the commits of one entity. */
export interface Effect {
  readonly deliveryId: string;
  readonly type: string;
  readonly entityId: string | null;
}

/** What is in the database when all is over. */
export interface Outcome {
  /** Status of each stored webhook, by `svix-id`. */
  readonly statuses: ReadonlyMap<string, string>;
  /** Each row of the mirror in one word, by Clerk's id: see `expectedRows`. */
  readonly rows: ReadonlyMap<string, string>;
  readonly effects: readonly Effect[];
}

/** What is not as it must be; each list is empty when all is well. */
export interface Verdict {
  /** Acknowledged and not stored. */
  readonly lost: readonly string[];
  /** Stored, and neither applied nor found to be without effect. */
  readonly stuck: readonly string[];
  /** Entities whose row is not what the model says. */
  readonly wrong: readonly string[];
  /** What handlers did too often, too seldom or in the wrong order. */
  readonly misled: readonly string[];
}

const SETTLED: ReadonlySet<string> = new Set(['applied', 'stale', 'foreign']);

export function judge(
  messages: readonly ChaosMessage[],
  acknowledged: ReadonlySet<string>,
  outcome: Outcome,
): Verdict {
  const { statuses, rows } = outcome;
  const byId = new Map(messages.map((message) => [message.id, message]));
  const gone = new Set(deletionsOf(messages).keys());
  const isSettled = (id: string, status: string) => {
    const { entityId = '', ownerIds = [] } = byId.get(id) ?? {};
    // With a person the bodies go that speak of him, and what waits without its body can say nothing any more.
    return (
      SETTLED.has(status) || (status === 'ignored' && [entityId, ...ownerIds].some((one) => gone.has(one)))
    );
  };
  const expected = expectedRows(messages);
  const ids = new Set([...expected.keys(), ...rows.keys()]);
  return {
    lost: [...acknowledged].filter((id) => !statuses.has(id)),
    stuck: [...statuses].filter(([id, status]) => !isSettled(id, status)).map((one) => one.join(' ')),
    wrong: [...ids].filter((id) => expected.get(id) !== rows.get(id)),
    misled: [...miscounted(messages, outcome), ...misordered(messages, outcome)],
  };
}

/** Where everything has to end: no row where nothing is known, `live …` or `deleted …` otherwise. */
export function expectedRows(messages: readonly ChaosMessage[]): ReadonlyMap<string, string> {
  const ours = messages.filter(({ isForeign }) => !isForeign);
  const deletions = deletionsOf(messages);
  const rows = new Map<string, string>();
  for (const [id, told] of groupBy(ours, ({ entityId }) => entityId)) {
    const deletion = deletions.get(id);
    const [newest] = told.toSorted(newestFirst);
    const isOwnerGone = told.some(({ ownerIds }) => ownerIds.some((owner) => deletions.has(owner)));
    if (deletion !== undefined) rows.set(id, `deleted ${deletion.timestampMs}`);
    else if (newest !== undefined && !isOwnerGone)
      rows.set(id, `live ${newest.content} ${newest.updatedAtMs}`);
  }
  return rows;
}

/** By Clerk's id of what was deleted. */
function deletionsOf(messages: readonly ChaosMessage[]): ReadonlyMap<string, ChaosMessage> {
  const deletions = messages.filter(({ updatedAtMs, isForeign }) => updatedAtMs === null && !isForeign);
  return new Map(deletions.map((one) => [one.entityId, one]));
}

/** Each webhook that was let through has one effect, and no other has any. */
function miscounted(messages: readonly ChaosMessage[], { statuses, effects }: Outcome): string[] {
  const counts = new Map<string, number>();
  for (const { deliveryId } of effects) counts.set(deliveryId, (counts.get(deliveryId) ?? 0) + 1);
  const wanted = (id: string) => (statuses.get(id) === 'applied' ? 1 : 0);
  const foreign = messages.filter(({ isForeign, id }) => isForeign && statuses.get(id) !== 'foreign');
  return [
    ...foreign.map(({ id }) => `${id}: of another instance, and ${statuses.get(id)}`),
    ...[...new Set([...statuses.keys(), ...counts.keys()])]
      .filter((id) => (counts.get(id) ?? 0) !== wanted(id))
      .map((id) => `${id}: ${counts.get(id) ?? 0} effects of ${statuses.get(id)}`),
  ];
}

/** What is told of one entity: `created` only first, newer and newer `updated`, `deleted` only last, and the end of it all. */
function misordered(messages: readonly ChaosMessage[], { effects }: Outcome): string[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const told = groupBy(effects, ({ entityId }) => entityId);
  const ends = expectedRows(messages);
  return [...groupBy(messages, ({ entityId }) => entityId)].flatMap(([id, own]) => {
    const verbs = (told.get(id) ?? []).map(({ type }) => type.split('.')[1]);
    const wanted = verbs.map((verb, index) => {
      if (verb === 'deleted' && index === verbs.length - 1) return 'deleted';
      return index === 0 ? 'created' : 'updated';
    });
    const newer = (told.get(id) ?? []).flatMap(({ deliveryId }) => byId.get(deliveryId) ?? []);
    const upserts = newer.filter(({ updatedAtMs }) => updatedAtMs !== null);
    const isRising = upserts.every((one, index) => one === upserts.toSorted(newestFirst).toReversed()[index]);
    const end = ends.get(id);
    const winner = own.filter(({ isForeign }) => !isForeign).toSorted(newestFirst)[0];
    const isTold =
      end === undefined ||
      (end.startsWith('deleted') ? verbs.at(-1) === 'deleted' : newer.at(-1)?.id === winner?.id);
    return isRising && isTold && verbs.join() === wanted.join() ? [] : [`${id}: ${verbs.join()}`];
  });
}

/** By `updated_at`, then `timestamp`, then the bytes of `svix-id`. */
function newestFirst(a: ChaosMessage, b: ChaosMessage): number {
  return (
    (b.updatedAtMs ?? b.timestampMs) - (a.updatedAtMs ?? a.timestampMs) ||
    b.timestampMs - a.timestampMs ||
    Buffer.compare(Buffer.from(b.id), Buffer.from(a.id))
  );
}

function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
