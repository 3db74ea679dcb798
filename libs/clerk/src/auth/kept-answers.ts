const ANSWERS_MAX = 10_000;

export interface KeptAnswersOptions {
  /** How long each is given back, milliseconds. */
  readonly keptMs: number;
  /** Unix time, milliseconds. */
  readonly nowMs: () => number;
}

/** Answers that are not asked for again for a while, in this process only: the latest 10,000. */
export class KeptAnswers<T> {
  readonly #entries = new Map<string, { readonly answer: T; readonly untilMs: number }>();

  constructor(private readonly options: KeptAnswersOptions) {}

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.untilMs > this.options.nowMs() ? entry.answer : undefined;
  }

  set(key: string, answer: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, { answer, untilMs: this.options.nowMs() + this.options.keptMs });
    if (this.#entries.size <= ANSWERS_MAX) return;
    const [oldest = key] = this.#entries.keys();
    this.#entries.delete(oldest);
  }
}
