/** Lets those who ask for the same at the same time share one answer, or one failure. */
export class SingleFlight<T> {
  readonly #underWay = new Map<string, Promise<T>>();

  run(key: string, work: () => Promise<T>): Promise<T> {
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const started = work().finally(() => {
      if (this.#underWay.get(key) === started) this.#underWay.delete(key);
    });
    this.#underWay.set(key, started);
    return started;
  }

  /** Who asks from now on shares nothing with those who asked before. */
  part(key: string): void {
    this.#underWay.delete(key);
  }
}
