import { clerkPlugin, getAuth } from '@clerk/fastify';
import Fastify from 'fastify';

import type { ClerkConnection } from '../clerk-connection.js';
import { HOST, type RunningServer } from './running-server.js';

/** Clerk's plugin on Fastify alone. With all three keys, and no telemetry, it asks nobody over the network. */
export async function start(clerk: ClerkConnection): Promise<RunningServer> {
  const { secretKey, publishableKey, jwtKey } = clerk;
  const app = Fastify();
  await app.register(clerkPlugin, { secretKey, publishableKey, jwtKey, telemetry: { disabled: true } });
  app.get('/who', async (request, reply) => {
    const { userId } = getAuth(request);
    if (userId !== null) return { userId };
    return reply.code(401).send({ userId });
  });
  const url = await app.listen({ port: 0, host: HOST });
  return { port: Number(new URL(url).port) };
}
