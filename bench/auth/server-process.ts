import { Child } from '../child.js';
import type { ClerkConnection } from './clerk-connection.js';
import { HOST } from './contestants/running-server.js';
import type { ServerKind } from './serve.js';

export interface ServerLoad {
  /** CPU time of the process, microseconds. */
  readonly cpuMicros: number;
  /** Share of the time that the event loop was busy, 0 to 1: near 1 the server is what bounds the rate. */
  readonly utilization: number;
}

/** A contestant in a process of its own. */
export class ServerProcess {
  private constructor(
    private readonly child: Child,
    readonly url: string,
  ) {}

  static async start(kind: ServerKind, clerk: ClerkConnection): Promise<ServerProcess> {
    const child = Child.start(new URL('serve.js', import.meta.url));
    const port = await child.ask('start', { kind, clerk });
    return new ServerProcess(child, `http://${HOST}:${String(port)}/who`);
  }

  /** Since the last call. */
  async load(): Promise<ServerLoad> {
    // The other end is serve.ts.
    return (await this.child.ask('load')) as ServerLoad;
  }

  /** How many of these tokens are known; null where none are remembered. */
  async remembered(tokens: readonly string[]): Promise<number | null> {
    // The other end is serve.ts.
    return (await this.child.ask('remembered', tokens)) as number | null;
  }

  async stop(): Promise<void> {
    await this.child.stop();
  }
}

export async function get(url: string, token: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: await response.json() };
}
