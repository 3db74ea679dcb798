import { randomUUID } from 'node:crypto';

import { databaseAnswer, STATEMENT_TIMEOUT_MS } from '../clerk-database.js';
import { MirroredRows, type RowDeletion, type RowLookup, type RowUpsert } from '../mirror/mirrored-rows.js';
import { isRecord } from '../unknown-record.js';
import type { MirroredUser, UserProfile } from '../users/mirrored-user.js';
import type { SourceVersion } from '../users/source-version.js';
import {
  documentOf,
  type MongoUserCollection,
  type MongoWriteConcern,
  type UserPipeline,
} from './mongo-user-collection.js';
import { contentOf, type LiveUserDocument, type UserDocument, userOf } from './mongo-user-document.js';
import { deletePipeline, upsertPipeline } from './mongo-user-pipelines.js';

/**
 * A little more than the library's own time-out, which says that nobody answered: that is an outage, and does not count against a
 * delivery, as a failure of the driver would. It only ends what is left of the call. Milliseconds.
 */
const SERVER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 500;

/**
 * `simple`: strings compare as bytes, whatever the collation of the collection. Not `timeoutMS`, which the driver takes and does not
 * follow (7.9.0, seen on the wire).
 */
const OPERATION = { maxTimeMS: SERVER_TIMEOUT_MS, collation: { locale: 'simple' } } as const;
const READ = { ...OPERATION, readPreference: 'primary' } as const;

const DUPLICATE_KEY = 11_000;

/** Each write is one update of one document, which MongoDB does in one step: of any that race, the greatest version stays. */
export class MongoUserRows extends MirroredRows<UserProfile, MirroredUser> {
  constructor(
    private readonly collection: MongoUserCollection,
    private readonly writeConcern: MongoWriteConcern,
  ) {
    super();
  }

  async find(clerkId: string): Promise<RowLookup<MirroredUser>> {
    const found = await databaseAnswer(this.collection.findOne({ _id: clerkId }, READ));
    if (found === null) return { outcome: 'unknown' };
    const document = documentOf(found);
    if (document.state === 'deleted') return { outcome: 'deleted', deletedAt: document.deletedAt };
    return { outcome: 'found', row: userOf(document) };
  }

  async listBy(field: keyof UserProfile & string, value: string): Promise<readonly MirroredUser[]> {
    const place = field === 'clerkId' ? '_id' : field;
    const documents = await this.#list({ [place]: { $eq: value }, state: 'live' }, READ);
    return documents.filter(isLive).map(userOf);
  }

  async listInDoubt(countMax: number): Promise<readonly string[]> {
    // A limit of 0 is none to MongoDB.
    if (countMax <= 0) return [];
    const options = { ...READ, limit: countMax, projection: { _id: 1 } };
    return (await this.#list({ isInDoubt: true }, options)).map(({ _id }) => _id);
  }

  async upsert(profile: UserProfile, version: SourceVersion): Promise<RowUpsert<MirroredUser>> {
    const [ownId, writeId] = [randomUUID(), randomUUID()];
    const pipeline = upsertPipeline({ content: contentOf(profile), version, ownId, writeId });
    const document = await this.#write(profile.clerkId, pipeline, 'after');
    if (document === null || !isLive(document) || document.lastWrite.id !== writeId)
      return { outcome: 'stale' };
    return { outcome: document.lastWrite.isNew ? 'created' : 'updated', row: userOf(document) };
  }

  async delete(clerkId: string, version: SourceVersion): Promise<RowDeletion> {
    const wiped = await this.#write(clerkId, deletePipeline(version), 'before');
    if (wiped === null) return { outcome: 'deleted', id: null };
    return isLive(wiped) ? { outcome: 'deleted', id: wiped.id } : { outcome: 'stale' };
  }

  async #list(filter: object, options: object): Promise<readonly UserDocument[]> {
    return (await databaseAnswer(this.collection.find(filter, options).toArray())).map(documentOf);
  }

  /** The document as it was before, or is after. */
  async #write(
    clerkId: string,
    pipeline: UserPipeline,
    returnDocument: 'before' | 'after',
  ): Promise<UserDocument | null> {
    // What other servers must have is waited for beyond `maxTimeMS`.
    const writeConcern = { ...this.writeConcern, wtimeoutMS: SERVER_TIMEOUT_MS };
    const options = { ...OPERATION, upsert: true, returnDocument, writeConcern };
    const update = () => this.collection.findOneAndUpdate({ _id: clerkId }, pipeline, options);
    const found = await databaseAnswer(againIfMade(update));
    return found === null ? null : documentOf(found);
  }
}

/** Two that find nothing may both make the document, and one is refused: the second time it is there. */
async function againIfMade<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isRecord(error) && error['code'] === DUPLICATE_KEY) return write();
    throw error;
  }
}

function isLive(document: UserDocument): document is LiveUserDocument {
  return document.state === 'live';
}
