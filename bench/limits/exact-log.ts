export interface Answered {
  /** Milliseconds of one clock. The request was decided somewhere between the two. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  readonly isAllowed: boolean;
}

export interface Verdict {
  readonly requests: number;
  readonly admitted: number;
  /** Units admitted beyond the limit in the window that holds the most. */
  readonly overAdmitted: number;
  /** Share of the requests that were refused although they would have fitted, 0 to 1. */
  readonly refusedTooEarly: number;
}

/** Every answer that was given, held against what a limiter with perfect knowledge would have said. */
export class ExactLog {
  readonly #answered: Answered[] = [];

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
  ) {}

  add(answered: Answered): void {
    this.#answered.push(answered);
  }

  verdict(): Verdict {
    const admitted = this.#answered.filter(({ isAllowed }) => isAllowed);
    const refused = this.#answered.filter(({ isAllowed }) => !isAllowed);
    const early = refused.filter(({ askedAtMs }) => this.#usedAt(askedAtMs, admitted) < this.limit);
    return {
      requests: this.#answered.length,
      admitted: admitted.length,
      overAdmitted: this.#overAdmitted(admitted),
      refusedTooEarly: early.length / this.#answered.length,
    };
  }

  /** Only what lies in a window from its question to its answer was surely decided there. */
  #overAdmitted(admitted: readonly Answered[]): number {
    const most = admitted.map(
      ({ askedAtMs: startMs }) =>
        admitted.filter(
          ({ askedAtMs, answeredAtMs }) => askedAtMs >= startMs && answeredAtMs < startMs + this.windowMs,
        ).length,
    );
    return Math.max(0, Math.max(...most) - this.limit);
  }

  /** What may still count, at the most, when a request is asked. */
  #usedAt(nowMs: number, admitted: readonly Answered[]): number {
    return admitted.filter(
      ({ askedAtMs, answeredAtMs }) => answeredAtMs > nowMs - this.windowMs && askedAtMs <= nowMs,
    ).length;
  }
}
