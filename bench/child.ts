import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

interface Answer {
  readonly output?: unknown;
  readonly error?: string;
}

/** A program in a process of its own, as it would run in production. Ends with this process, however that ends. */
export class Child {
  private constructor(private readonly process: ChildProcess) {}

  static start(program: URL, execArgv: readonly string[] = []): Child {
    return new Child(
      fork(program, {
        execArgv: [...process.execArgv, ...execArgv],
        // The sandbox, in this process, refuses to start in production; what is measured runs in it.
        env: { ...process.env, NODE_ENV: 'production' },
        serialization: 'advanced',
        // stdout of this process is for results.
        stdio: ['ignore', 2, 2, 'ipc'],
      }),
    );
  }

  /** One question at a time. @throws Error when the child cannot answer, or has ended */
  async ask(question: string, input?: unknown): Promise<unknown> {
    const stopped = new AbortController();
    const { signal } = stopped;
    this.process.send({ question, input });
    const ended = once(this.process, 'exit', { signal }).then(([code]: unknown[]) => {
      throw new Error(`A child process ended with ${String(code)} before it answered ${question}.`);
    });
    const answered = once(this.process, 'message', { signal });
    // The one that comes second is aborted, and nobody waits for it any more.
    for (const side of [ended, answered]) side.catch(() => undefined);
    const [answer] = await Promise.race([answered, ended]);
    stopped.abort();
    // The other end is answerParent().
    const { output, error } = answer as Answer;
    if (error !== undefined) throw new Error(error);
    return output;
  }

  async stop(): Promise<void> {
    if (!this.process.connected) return;
    const ended = once(this.process, 'exit');
    this.process.disconnect();
    await ended;
  }
}
