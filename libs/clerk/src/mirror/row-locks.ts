/** Who changes which row, in this process. */
export class RowLocks {
  readonly #ends = new Map<string, Promise<void>>();

  /** Resolves when nobody holds `key` any more, with what gives it back. In the order of the calls. */
  async hold(key: string): Promise<() => void> {
    const before = this.#ends.get(key);
    const given: { back?: () => void } = {};
    const end = new Promise<void>((resolve) => {
      given.back = resolve;
    });
    this.#ends.set(key, end);
    await before;
    return () => {
      if (this.#ends.get(key) === end) this.#ends.delete(key);
      given.back?.();
    };
  }
}
