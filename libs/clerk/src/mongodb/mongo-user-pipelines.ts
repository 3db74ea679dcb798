import { REPAIR_ID_START } from '../mirror/repair-id.js';
import { isSnapshot, type SourceVersion } from '../users/source-version.js';
import type { UserPipeline } from './mongo-user-collection.js';
import type { UserContent } from './mongo-user-document.js';

/** What a write brings. */
export interface UserWrite {
  readonly content: UserContent;
  readonly version: SourceVersion;
  /** Our id of the user, should he be new. UUID. */
  readonly ownId: string;
  /** Of this call alone. UUID. */
  readonly writeId: string;
}

// MongoDB gives an upsert that finds nothing a document with the `_id` of the filter: such a one has no state.
const IS_LIVE = { $eq: ['$state', 'live'] };
const IS_DELETED = { $eq: ['$state', 'deleted'] };
const AS_IT_IS = '$$ROOT';

/**
 * The whole rule of a write, for one document: what is deleted or newer stays, two different states with one `updated_at` leave doubt, a
 * later `updated_at` ends it, and so does a repair. Every value from outside is a literal, so that no `$` in it is an expression.
 *
 * Needs the collation `simple`, which compares strings as bytes.
 *
 * @see https://www.mongodb.com/docs/manual/core/write-operations-atomicity/
 */
export function upsertPipeline(write: UserWrite): UserPipeline {
  const { version } = write;
  const doubt = doubtOf(write);
  const isRepair = version.deliveryId.startsWith(REPAIR_ID_START);
  const written = {
    $mergeObjects: [
      { _id: '$_id', state: 'live' },
      literal(write.content),
      {
        id: { $ifNull: ['$id', literal(write.ownId)] },
        version: literal(version),
        isInDoubt: isRepair ? literal(false) : doubt,
        ...announcementOf(write),
      },
    ],
  };
  const doubted = { $mergeObjects: [AS_IT_IS, { isInDoubt: literal(true) }] };
  const live = either(isNewer(version), written, either(doubt, doubted, AS_IT_IS));
  return [{ $replaceWith: either(IS_DELETED, AS_IT_IS, either(IS_LIVE, live, written)) }];
}

/** The same tombstone whether the user was known or not, written once: of the content nothing is left. */
export function deletePipeline({ timestampMs }: SourceVersion): UserPipeline {
  const tombstone = { _id: '$_id', state: 'deleted', deletedAt: literal(new Date(timestampMs)) };
  return [{ $replaceWith: either(IS_DELETED, AS_IT_IS, tombstone) }];
}

/** `compareSourceVersions` says the same. */
function isNewer({ updatedAtMs, timestampMs, deliveryId }: SourceVersion): object {
  const isHigher = isGreater('deliveryId', deliveryId);
  const isSentLater = {
    $or: [isGreater('timestampMs', timestampMs), { $and: [isSame('timestampMs', timestampMs), isHigher] }],
  };
  return {
    $or: [isGreater('updatedAtMs', updatedAtMs), { $and: [isSame('updatedAtMs', updatedAtMs), isSentLater] }],
  };
}

/** Whether the document and what claims its `updated_at` differ, or did before. False where there is none. */
function doubtOf({ content, version }: UserWrite): object {
  const isOtherwise = Object.entries(content).map(([field, value]) => ({
    $ne: [`$${field}`, literal(value)],
  }));
  return {
    $and: [isSame('updatedAtMs', version.updatedAtMs), { $or: ['$isInDoubt', ...isOtherwise] }],
  };
}

/** Whether the write is a creation to whoever hears of it: the first by a delivery is one, also where a snapshot came before. */
function announcementOf({ version, writeId }: UserWrite): object {
  const isAnnounced = { $eq: ['$isAnnounced', true] };
  const lastWrite = (isNew: object) => ({ id: literal(writeId), isNew });
  if (isSnapshot(version)) return { isAnnounced, lastWrite: lastWrite({ $not: [IS_LIVE] }) };
  return { isAnnounced: literal(true), lastWrite: lastWrite({ $not: [isAnnounced] }) };
}

function isGreater(field: keyof SourceVersion, value: unknown): object {
  return { $gt: [literal(value), `$version.${field}`] };
}

function isSame(field: keyof SourceVersion, value: unknown): object {
  return { $eq: [literal(value), `$version.${field}`] };
}

function either(condition: object, whenSo: object | string, otherwise: object | string): object {
  return { $cond: [condition, whenSo, otherwise] };
}

function literal(value: unknown): object {
  return { $literal: value };
}
