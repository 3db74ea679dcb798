// A program: one contestant in its own process. The other end is ServerProcess.
import 'reflect-metadata';

import { performance } from 'node:perf_hooks';

import { answerParent } from '../answer-parent.js';
import type { ClerkConnection } from './clerk-connection.js';
import type { RunningServer } from './contestants/running-server.js';

export type ServerKind = keyof typeof SERVERS;

type Start = (clerk: ClerkConnection) => Promise<RunningServer>;

/** Each process loads the code of its own server only. */
const SERVERS = {
  'bare-fastify': async () => (await import('./contestants/bare-fastify.js')).start,
  'clerk-fastify': async () => (await import('./contestants/clerk-fastify.js')).start,
  'plain-nest': async () => (await import('./contestants/plain-nest.js')).start,
  'bare-nest': async () => (await import('./contestants/bare-nest.js')).start,
  'clerk-guard': async () => (await import('./contestants/clerk-guard.js')).start,
  'clerk-guard-jwks': async () => (await import('./contestants/clerk-guard.js')).startWithJwks,
  'verify-token-guard': async () => (await import('./contestants/verify-token-guard.js')).start,
  'passport-jwt': async () => (await import('./contestants/passport-jwt.js')).start,
} satisfies Record<string, () => Promise<Start>>;

let server: RunningServer | null = null;
let utilization = performance.eventLoopUtilization();
let cpu = process.cpuUsage();

answerParent({
  async start({ kind, clerk }: { kind: ServerKind; clerk: ClerkConnection }) {
    const start = await SERVERS[kind]();
    server = await start(clerk);
    return server.port;
  },
  remembered: (tokens: readonly string[]) => server?.remembered?.(tokens) ?? null,
  /** What was spent since this was asked for the last time. */
  load() {
    const spent = process.cpuUsage(cpu);
    const since = performance.eventLoopUtilization(utilization);
    cpu = process.cpuUsage();
    utilization = performance.eventLoopUtilization();
    return { cpuMicros: spent.user + spent.system, utilization: since.utilization };
  },
});
