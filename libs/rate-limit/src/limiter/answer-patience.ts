interface Waiting {
  dueMs: number;
  /** Null once there is an answer. */
  giveUp: (() => void) | null;
  /** Whether it has been given more time. */
  isExtended: boolean;
}

/** A timer that comes later than it should by so much of the wait says that this process itself was busy. */
const LATE_PER_WAIT = 1 / 2;

/** What has been answered is let go of in stretches of so many at least, so that this costs nothing for each. */
const DROPPED_MIN = 64;

/** Waits for answers, for each as long as for any other: so they are due in the order in which they were asked for, and one timer serves all. */
export class AnswerPatience {
  #waiting: Waiting[] = [];
  #first = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param msMax milliseconds that an answer may take, at least 1 */
  constructor(private readonly msMax: number) {}

  /** The answer, or an error once it has taken too long. What comes later is dropped. */
  wait<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        dueMs: performance.now() + this.msMax,
        giveUp: () => reject(new Error('no answer in time')),
        isExtended: false,
      };
      this.#waiting.push(waiting);
      if (this.#timer === null) this.#timer = this.#giveUpIn(this.msMax);
      call.then(
        (answer) => {
          waiting.giveUp = null;
          return resolve(answer);
        },
        (error: unknown) => {
          waiting.giveUp = null;
          reject(error);
        },
      );
    });
  }

  /** Keeps no process from ending: as long as something is asked, its connection does, and once all is answered nothing should. */
  #giveUpIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#giveUpDue(), ms).unref();
  }

  /** What has arrived is read before the verdict. */
  #giveUpDue(): void {
    const nowMs = performance.now();
    const due: Waiting[] = [];
    for (let next = this.#next(); next !== undefined && next.dueMs <= nowMs; next = this.#next()) {
      this.#first += 1;
      if (!this.#extend(next, nowMs)) due.push(next);
    }
    this.#drop();
    const next = this.#next();
    this.#timer = next === undefined ? null : this.#giveUpIn(Math.max(1, next.dueMs - nowMs));
    if (due.length > 0) setImmediate(() => due.forEach(({ giveUp }) => giveUp?.()));
  }

  /** The first without an answer. */
  #next(): Waiting | undefined {
    while (this.#waiting[this.#first]?.giveUp === null) this.#first += 1;
    return this.#waiting[this.#first];
  }

  /** Once: while this process was busy it may neither have sent the question nor have read the answer. */
  #extend(waiting: Waiting, nowMs: number): boolean {
    if (waiting.isExtended || nowMs - waiting.dueMs < this.msMax * LATE_PER_WAIT) return false;
    waiting.dueMs = nowMs + this.msMax;
    waiting.isExtended = true;
    this.#waiting.push(waiting);
    return true;
  }

  #drop(): void {
    if (this.#first < DROPPED_MIN && this.#first < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#first);
    this.#first = 0;
  }
}
