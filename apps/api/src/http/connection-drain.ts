import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** A connection that has sent no request yet may still do so for this long, milliseconds. */
const SILENT_MS_MAX = 500;
/** A request in hand may take this long to end, milliseconds. */
const REQUEST_MS_MAX = 10_000;

/**
 * Ends connections at shutdown. Node closes those that are between two requests, but waits for one that was opened and never
 * used until its request time-out: a load balancer's spare connection would hold the process for half a minute.
 */
@Injectable()
export class ConnectionDrain implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly silent = new Set<Socket>();

  constructor(private readonly host: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    const server = this.server();
    server.on('connection', (socket: Socket) => {
      this.silent.add(socket);
      socket.once('close', () => this.silent.delete(socket));
    });
    server.on('request', ({ socket }) => this.silent.delete(socket));
  }

  beforeApplicationShutdown(): void {
    setTimeout(() => {
      for (const socket of this.silent) socket.destroy();
    }, SILENT_MS_MAX).unref();
    setTimeout(() => this.server().closeAllConnections(), REQUEST_MS_MAX).unref();
  }

  private server(): Server {
    return this.host.httpAdapter.getHttpServer();
  }
}
