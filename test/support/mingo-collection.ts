import { setImmediate as nextTurn } from 'node:timers/promises';

import { Aggregator, find } from 'mingo';
import { BSON, MongoServerError } from 'mongodb';

interface UpdateOptions {
  readonly upsert?: boolean;
  readonly returnDocument?: 'before' | 'after';
}

interface FindOptions {
  readonly projection?: Record<string, 0 | 1>;
  readonly limit?: number;
}

/**
 * Documents in this process, found and changed by mingo, which evaluates MongoDB's filters and pipelines in JavaScript: a check of what
 * the pipelines say, and not of a server. It knows `_id` in a filter, one change of one document at a time, and that of two upserts
 * which find nothing the later is refused. Everything goes in and out as the driver would write and read it. Of options it knows those
 * that say which documents come back; time-outs, collations and write concerns it leaves to a server.
 */
export class MingoCollection {
  readonly #documents = new Map<string, Record<string, unknown>>();

  async findOne(filter: object, options: FindOptions): Promise<object | null> {
    return this.#find(filter, { ...options, limit: 1 })[0] ?? null;
  }

  find(filter: object, options: FindOptions) {
    return { toArray: async (): Promise<object[]> => this.#find(filter, options) };
  }

  async findOneAndUpdate(
    filter: { readonly _id?: string },
    pipeline: Record<string, unknown>[],
    { upsert = false, returnDocument = 'before' }: UpdateOptions,
  ): Promise<object | null> {
    const { _id: id } = filter;
    if (id === undefined) throw new Error('This collection changes a document by its _id only.');
    const before = this.#documents.get(id);
    if (before === undefined && !upsert) return null;
    if (before === undefined) {
      // Between the look at what is there and the insertion others may make it.
      await nextTurn();
      if (this.#documents.has(id)) throw new MongoServerError({ code: 11_000, message: `E11000 ${id}` });
    }
    const [after] = new Aggregator(throughDriver(pipeline)).run<Record<string, unknown>>([
      throughDriver(before ?? { _id: id }),
    ]);
    if (after?.['_id'] !== id) throw new MongoServerError({ code: 66, message: 'The _id is immutable.' });
    this.#documents.set(id, throughDriver(after));
    const given = returnDocument === 'before' ? before : after;
    return given === undefined ? null : throughDriver(given);
  }

  #find(filter: { readonly _id?: unknown }, { projection, limit = 0 }: FindOptions): object[] {
    const cursor = find<object>(this.#candidates(filter), throughDriver({ ...filter }), projection ?? {});
    return (limit === 0 ? cursor : cursor.limit(limit)).all().map(throughDriver);
  }

  /** As by the index that there is. */
  #candidates({ _id: id }: { readonly _id?: unknown }): object[] {
    if (typeof id !== 'string') return [...this.#documents.values()];
    const document = this.#documents.get(id);
    return document === undefined ? [] : [document];
  }
}

function throughDriver<T extends object>(value: T): T {
  const { sent } = BSON.deserialize(BSON.serialize({ sent: value }));
  // BSON gives back what it was given: numbers, texts, lists and dates as the driver reads them.
  return sent as T;
}
