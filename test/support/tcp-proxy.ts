import { connect, createServer, type Server, type Socket } from 'node:net';

import { freePort } from './free-port.js';

/** A way to a server on this machine that can be cut, slowed, led elsewhere, or made to swallow everything. */
export class TcpProxy {
  /** Bytes that came from the near side. */
  receivedBytes = 0;
  /** What comes through comes this much later, either way, milliseconds. Back to less: with `restore`, or it overtakes. */
  delayMs = 0;
  private readonly sockets = new Set<Socket>();
  private isSwallowing = false;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async to(port: number, host = '127.0.0.1'): Promise<TcpProxy> {
    const server = createServer();
    const ownPort = await freePort();
    await new Promise<void>((resolve) => server.listen(ownPort, '127.0.0.1', resolve));
    const proxy = new TcpProxy(server, ownPort);
    proxy.leadTo(port, host);
    return proxy;
  }

  /** Where new connections go. Those that are there stay: `cut` or `restore` ends them. */
  leadTo(port: number, host = '127.0.0.1'): void {
    this.server.removeAllListeners('connection');
    this.server.on('connection', (near) => this.join(near, connect(port, host)));
  }

  /** Drops every connection and takes no new one, as a server that is down. */
  async cut(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async restore(): Promise<void> {
    this.isSwallowing = false;
    this.drop();
    if (!this.server.listening) {
      await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    }
  }

  /** Connections stay, and nothing comes through them, as behind a firewall that drops packets. */
  swallow(): void {
    this.isSwallowing = true;
  }

  async close(): Promise<void> {
    this.drop();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }

  private drop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  private join(near: Socket, far: Socket): void {
    near.on('data', (chunk) => (this.receivedBytes += chunk.length));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk) => this.pass(chunk, to));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  private pass(chunk: Buffer, to: Socket): void {
    const write = () => {
      if (!this.isSwallowing && !to.destroyed) to.write(chunk);
    };
    if (this.delayMs === 0) write();
    else setTimeout(write, this.delayMs).unref();
  }
}
