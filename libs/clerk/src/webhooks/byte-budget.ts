/** Bytes that may be held at once. */
export class ByteBudget {
  #held = 0;

  constructor(private readonly bytesMax: number) {}

  /** False, and nothing is taken, when there are not as many left. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.bytesMax) return false;
    this.#held += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }
}
