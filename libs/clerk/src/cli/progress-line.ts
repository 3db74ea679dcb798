import type { SyncProgress } from '../sync/backfill.js';
import type { KindName } from '../sync/sync-kind.js';

/** Where progress is written. */
export interface ProgressOutput {
  readonly write: (text: string) => void;
  /** Whether somebody looks at it: then one line is written over and over, else a new one now and then. */
  readonly isTerminal: boolean;
}

const BAR_WIDTH = 30;
const REDRAW_MS = 100;
const PLAIN_MS = 5_000;

/** How far a long job is, how fast it goes, and when it will be done. */
export class ProgressLine {
  #startedMs: number;
  #kind: KindName | null = null;
  #wroteMs = Number.NEGATIVE_INFINITY;
  #done = 0;
  #isOpen = false;

  constructor(
    private readonly output: ProgressOutput,
    private readonly nowMs: () => number,
  ) {
    this.#startedMs = nowMs();
  }

  update(progress: SyncProgress): void {
    const { isTerminal, write } = this.output;
    const nowMs = this.nowMs();
    if (this.#kind !== null && this.#kind !== progress.kind) this.#begin(nowMs);
    this.#kind = progress.kind;
    const isEnd = progress.done >= progress.total && progress.done !== this.#done;
    this.#done = progress.done;
    if (!isEnd && nowMs - this.#wroteMs < (isTerminal ? REDRAW_MS : PLAIN_MS)) return;
    this.#wroteMs = nowMs;
    const text = describe(progress, nowMs - this.#startedMs);
    // What is left of a longer line before it is cleared.
    write(isTerminal ? `\r\u001b[2K${bar(progress)} ${text}` : `${text}\n`);
    this.#isOpen = isTerminal;
  }

  /** Another kind has a line, a rate and an end of its own. */
  #begin(nowMs: number): void {
    this.end();
    this.#startedMs = nowMs;
    this.#wroteMs = Number.NEGATIVE_INFINITY;
    this.#done = 0;
  }

  /** What is written from now on starts on a line of its own. */
  end(): void {
    if (this.#isOpen) this.output.write('\n');
    this.#isOpen = false;
  }
}

function bar({ done, total }: SyncProgress): string {
  const full = total === 0 ? BAR_WIDTH : Math.floor((BAR_WIDTH * done) / total);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`;
}

function describe({ kind, done, total }: SyncProgress, elapsedMs: number): string {
  const perSecond = elapsedMs > 0 ? (done * 1_000) / elapsedMs : 0;
  const share = total === 0 ? 100 : Math.floor((100 * done) / total);
  const leftSeconds = perSecond > 0 ? Math.ceil((total - done) / perSecond) : null;
  const eta = leftSeconds === null || done >= total ? '' : `, ${duration(leftSeconds)} left`;
  return `${done}/${total} ${kind} (${share} %), ${Math.round(perSecond)}/s${eta}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
