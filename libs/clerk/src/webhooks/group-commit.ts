import { ClerkError } from '../clerk-error.js';

export interface GroupCommitParts<Item, Result> {
  /** Writes all of these or none, durably. One result for each, in the same order. */
  readonly write: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** How long an item may wait before nobody asks for its result any more, milliseconds. */
  readonly patienceMs: number;
  /** Most items in one write. @default 100 */
  readonly batchMax?: number;
  /** Most items that wait to be written. @default 2000 */
  readonly waitingMax?: number;
  /** Most bytes that wait to be written. @default 67108864 */
  readonly waitingBytesMax?: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  readonly addedAtMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Two: while one write waits for the disk, the next is on its way. More would only make the groups smaller. */
const LANES_MAX = 2;
const BATCH_BYTES_MAX = 8_388_608;
/** One row that cannot be written is that row's fault; this many in a row are the database's. */
const FAILURES_IN_A_ROW_MAX = 3;

/**
 * Writes together what comes together: while a write is under way, what comes waits for the next one. Nothing waits for a
 * timer, so that a single item is written as fast as it would be alone.
 */
export class GroupCommit<Item, Result> {
  readonly #waiting: Waiting<Item, Result>[] = [];
  readonly #bounds: {
    readonly batchMax: number;
    readonly waitingMax: number;
    readonly waitingBytesMax: number;
  };
  #waitingBytes = 0;
  #lanes = 0;
  #isScheduled = false;

  constructor(private readonly parts: GroupCommitParts<Item, Result>) {
    const { batchMax = 100, waitingMax = 2_000, waitingBytesMax = 67_108_864 } = parts;
    this.#bounds = { batchMax, waitingMax, waitingBytesMax };
  }

  /**
   * Resolves once the item is written. When its group cannot be, each of the group is written alone.
   *
   * @param bytes of the item, roughly
   * @throws ClerkError DATABASE_UNAVAILABLE when too much waits already; else what `write` throws
   */
  add(item: Item, bytes: number): Promise<Result> {
    const { waitingMax, waitingBytesMax } = this.#bounds;
    const isFull = this.#waiting.length >= waitingMax || this.#waitingBytes + bytes > waitingBytesMax;
    // However large it is, one that is alone is let in.
    if (isFull && this.#waiting.length > 0) {
      return Promise.reject(
        new ClerkError('DATABASE_UNAVAILABLE', 'Too many webhooks wait to be stored. The database is slow.'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, bytes, addedAtMs: performance.now(), resolve, reject });
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** After everything that the event loop has ready: requests that arrived together are in the same group. */
  #schedule(): void {
    if (this.#isScheduled || this.#lanes >= LANES_MAX) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#lanes >= LANES_MAX) return;
    this.#lanes += 1;
    for (let group = this.#take(); group.length > 0; group = this.#take()) await this.#write(group);
    this.#lanes -= 1;
  }

  #take(): Waiting<Item, Result>[] {
    let [count, bytes] = [0, 0];
    for (const { bytes: more } of this.#waiting) {
      if (count >= this.#bounds.batchMax || (count > 0 && bytes + more > BATCH_BYTES_MAX)) break;
      count += 1;
      bytes += more;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #write(group: readonly Waiting<Item, Result>[]): Promise<void> {
    const wanted = group.filter((one) => this.#isWanted(one));
    if (wanted.length === 0) return;
    const error = await this.#writeTogether(wanted);
    if (error === null) return;
    if (wanted.length === 1) wanted[0]?.reject(error);
    else await this.#writeApart(wanted);
  }

  async #writeApart(group: readonly Waiting<Item, Result>[]): Promise<void> {
    let failuresInARow = 0;
    let error: unknown = null;
    for (const one of group) {
      if (failuresInARow < FAILURES_IN_A_ROW_MAX && this.#isWanted(one)) {
        error = await this.#writeTogether([one]);
        failuresInARow = error === null ? 0 : failuresInARow + 1;
      }
      // Whoever was written does not hear this any more.
      one.reject(error);
    }
  }

  /** The failure, or null once all have heard of their success. */
  async #writeTogether(group: readonly Waiting<Item, Result>[]): Promise<unknown> {
    try {
      const results = await this.parts.write(group.map(({ item }) => item));
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index];
        if (result === undefined) reject(new Error('A write gave fewer results than it was given items.'));
        else resolve(result);
      }
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Whoever waited longer was told that it failed, and will send it again. */
  #isWanted({ addedAtMs }: Waiting<Item, Result>): boolean {
    return performance.now() - addedAtMs < this.parts.patienceMs;
  }
}
