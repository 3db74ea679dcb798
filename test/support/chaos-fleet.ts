import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { SeededRandom } from './chaos-random.js';
import { freePort } from './free-port.js';

const PROGRAM = join(import.meta.dirname, '..', 'chaos', 'service.js');
/** An orchestrator's pause before it starts again what did not come up. */
const RESTART_MS = 300;
/** Longer than a claim keeps the others away (5 s), shorter than an attempt of the sender may take. */
const FREEZE_MS = 7_000;
const LAST_WORDS_MAX = 4_000;

interface Slot {
  readonly port: number;
  child: ChildProcess | null;
  isReady: boolean;
}

/** Processes of the built service, of which each is started again whenever it ends. */
export class ChaosFleet {
  kills = 0;
  freezes = 0;
  /** Processes that were up and ended though nobody killed them, with what they said last. */
  readonly deaths: string[] = [];
  private isStopped = false;

  private constructor(
    private readonly slots: readonly Slot[],
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async start(count: number, environment: Readonly<Record<string, string>>): Promise<ChaosFleet> {
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const slots = ports.map((port): Slot => ({ port, child: null, isReady: false }));
    const fleet = new ChaosFleet(slots, environment);
    for (const slot of slots) fleet.launch(slot);
    await fleet.allReady();
    return fleet;
  }

  urlOf(index: number): string {
    return `http://127.0.0.1:${this.slots[index]?.port ?? 0}/webhooks/clerk`;
  }

  /** Ends one that is up at once, in whatever it is doing. */
  async killOne(random: SeededRandom): Promise<void> {
    const { slot } = await this.take(random);
    this.kills += 1;
    slot.child?.kill('SIGKILL');
  }

  /** Holds one that is up still, in whatever it is doing, until the others take it for dead; then it goes on. */
  async freezeOne(random: SeededRandom): Promise<void> {
    const { slot, child } = await this.take(random);
    this.freezes += 1;
    child?.kill('SIGSTOP');
    setTimeout(() => {
      slot.isReady = child?.kill('SIGCONT') ?? false;
    }, FREEZE_MS).unref();
  }

  anyReady(): Promise<void> {
    return poll(() => this.slots.some(({ isReady }) => isReady), 'no process of the fleet comes up');
  }

  allReady(): Promise<void> {
    return poll(() => this.slots.every(({ isReady }) => isReady), 'not all of the fleet comes up');
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(
      this.slots.map(async ({ child }) => {
        if (child === null || child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }),
    );
  }

  /** One that is up, and is not counted as such from now on. */
  private async take(random: SeededRandom): Promise<{ slot: Slot; child: ChildProcess | null }> {
    await this.anyReady();
    const slot = random.pick(this.slots.filter(({ isReady }) => isReady));
    slot.isReady = false;
    return { slot, child: slot.child };
  }

  private launch(slot: Slot): void {
    const child = fork(PROGRAM, [], {
      env: { ...this.environment, PORT: String(slot.port), PATH: process.env['PATH'] ?? '' },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let lastWords = '';
    child.stderr?.on('data', (chunk) => (lastWords = (lastWords + String(chunk)).slice(-LAST_WORDS_MAX)));
    child.once('message', () => (slot.isReady = true));
    child.once('exit', (code, signal) => {
      // Marked before the kill: whoever is still ready here has ended by itself. What does not come up is only tried again.
      if (slot.isReady && !this.isStopped) this.deaths.push(`${String(code ?? signal)}: ${lastWords}`);
      slot.isReady = false;
      if (this.isStopped) return;
      if (signal === 'SIGKILL') this.launch(slot);
      else setTimeout(() => !this.isStopped && this.launch(slot), RESTART_MS);
    });
    slot.child = child;
  }
}

/** Waits, but not for ever, for what other processes bring about. @throws Error that says what did not happen */
export async function poll(
  isThere: () => boolean | Promise<boolean>,
  otherwise: string,
  msMax = 60_000,
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await isThere())) {
    if (Date.now() > deadline) throw new Error(`After ${msMax / 1_000} s ${otherwise}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
