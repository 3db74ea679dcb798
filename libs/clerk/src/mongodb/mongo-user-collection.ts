import type { UserDocument } from './mongo-user-document.js';

/**
 * A collection of the host's, structurally: pass the `Collection` of the official driver (`mongodb`) itself. It belongs to the store:
 * what else is written into its documents is lost with the next change, and a unique index on anything but `_id` would refuse users.
 */
export interface MongoUserCollection {
  findOne(filter: object, options: object): Promise<object | null>;
  /** One document, changed by a pipeline in one step, or made where there is none. */
  findOneAndUpdate(filter: object, pipeline: UserPipeline, options: object): Promise<object | null>;
  find(filter: object, options: object): { toArray(): Promise<object[]> };
}

/** Stages of an update with an aggregation pipeline. */
export type UserPipeline = Record<string, unknown>[];

/** How sure a write must be before it is answered, in the driver's words. */
export interface MongoWriteConcern {
  /** How many members of the replica set have it, or `majority`. */
  readonly w: number | 'majority';
  /** Whether it must be in their journals. @default as the server is set up */
  readonly journal?: boolean;
}

/** What the driver gave. Only the store writes into its collection, and it writes nothing but this. */
export function documentOf(given: object): UserDocument {
  return given as UserDocument;
}
