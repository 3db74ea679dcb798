import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Each of the runner's processes has so many of its own. */
const PORTS_PER_WORKER = 1_000;
const WORKERS_MAX = 16;
/** All below those that the system gives to whoever asks for any (32768 and more on Linux). */
const FIRST_PORT = 10_000;

const given = new Set<number>();

/** A port that no other worker of this run takes before a server listens there, nor while that server is away. */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['JEST_WORKER_ID'] ?? 0) % WORKERS_MAX;
  for (;;) {
    const port = FIRST_PORT + PORTS_PER_WORKER * worker + randomInt(PORTS_PER_WORKER);
    if (given.has(port)) continue;
    // Before it is waited for: others ask meanwhile.
    given.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
