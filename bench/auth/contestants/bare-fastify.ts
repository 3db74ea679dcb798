import Fastify from 'fastify';

import type { ClerkConnection } from '../clerk-connection.js';
import { HOST, type RunningServer } from './running-server.js';

/** Fastify alone, no authentication. */
export async function start({ userId }: ClerkConnection): Promise<RunningServer> {
  const app = Fastify();
  app.get('/who', async () => ({ userId }));
  const url = await app.listen({ port: 0, host: HOST });
  return { port: Number(new URL(url).port) };
}
