import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import type { SignedEvent } from './signed-events.js';

export const CONNECTIONS = 64;

export interface Load {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p99Ms: number;
}

/**
 * Sends each event once, one at a time on each of 64 connections. On bare sockets: what sends is on the same machine, and an HTTP
 * client costs more than the server.
 *
 * @throws Error when any answer was not 2xx: then nothing was measured
 */
export async function sendEvents(port: number, events: readonly SignedEvent[]): Promise<Load> {
  const requests = events.map((event) => requestOf(event));
  const latencies: number[] = [];
  let next = 0;
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)));
  const startedAt = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const sentAt = performance.now();
        socket.write(request);
        // A small answer comes in one piece.
        const [answer] = (await once(socket, 'data')) as [Buffer];
        latencies.push(performance.now() - sentAt);
        const status = answer.toString('latin1', 9, 12);
        if (!status.startsWith('2'))
          throw new Error(`Port ${port} answered ${answer.toString('latin1', 0, 400)}`);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const socket of sockets) socket.destroy();
  latencies.sort((a, b) => a - b);
  return { perSecond: events.length / seconds, p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0 };
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

function requestOf({ body, headers }: SignedEvent): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `POST /webhooks/clerk HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n${body}`,
  );
}
