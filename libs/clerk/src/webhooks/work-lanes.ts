/** What takes longer is waited for by nobody else. */
const LONG_MS = 1_000;

export interface WorkLanesParts {
  /** How many work side by side. */
  readonly lanes: number;
  /** How many more may, while as many have work that takes longer than a second. @default 0 */
  readonly substitutes?: number;
  /** Works until nothing is left to do. Never rejects. */
  readonly work: () => Promise<void>;
  /** Called when work takes longer than a second and no more may begin; must return at once. */
  readonly onFull?: () => void;
  /** Called when one has ended. */
  readonly onEnd: () => void;
}

/** Those who work side by side. One who takes long has a substitute, so that it keeps up no other. */
export class WorkLanes {
  readonly #running = new Set<Promise<void>>();
  #long = 0;

  constructor(private readonly parts: WorkLanesParts) {}

  /** Begins as many as may work. */
  open(): void {
    while (this.#running.size < this.#runningMax) this.#begin();
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** Whether one who has done its work may go on: those whom substitutes stood in for may be back. */
  get mayGoOn(): boolean {
    return this.#running.size <= this.#runningMax;
  }

  /** Waits for work of one of the lanes, and lets another begin when it takes long. */
  async watch<T>(work: Promise<T>): Promise<T> {
    let isLong = false;
    const timer = setTimeout(() => {
      isLong = true;
      this.#long += 1;
      if (this.#running.size < this.#runningMax) this.open();
      else this.parts.onFull?.();
    }, LONG_MS);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      if (isLong) this.#long -= 1;
    }
  }

  /** Resolves when nobody works. */
  async idle(): Promise<void> {
    while (this.isBusy) await Promise.all(this.#running);
  }

  get #runningMax(): number {
    const { lanes, substitutes = 0 } = this.parts;
    return lanes + Math.min(this.#long, substitutes);
  }

  #begin(): void {
    const lane = this.parts.work();
    this.#running.add(lane);
    void this.#end(lane);
  }

  async #end(lane: Promise<void>): Promise<void> {
    await lane;
    this.#running.delete(lane);
    this.parts.onEnd();
  }
}
