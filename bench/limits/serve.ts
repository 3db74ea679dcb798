// A program: one server in its own process. The other end is http-contest.ts.
import 'reflect-metadata';

import { performance } from 'node:perf_hooks';

import { answerParent } from '../answer-parent.js';
import type { LimitedServer, ServerOptions } from './contestants/limited-server.js';

export type ServerKind = keyof typeof SERVERS;

type Start = (options: ServerOptions) => Promise<LimitedServer>;

/** Each process loads the code of its own server only. */
const SERVERS = {
  unlimited: async () => (await import('./contestants/unlimited.js')).start,
  tiers: async () => (await import('./contestants/tiers.js')).start,
  throttler: async () => (await import('./contestants/throttler.js')).start,
  flexible: async () => (await import('./contestants/flexible.js')).start,
} satisfies Record<string, () => Promise<Start>>;

let server: LimitedServer | null = null;
let utilization = performance.eventLoopUtilization();
let cpu = process.cpuUsage();

answerParent({
  async start({ kind, options }: { kind: ServerKind; options: ServerOptions }) {
    const start = await SERVERS[kind]();
    server = await start(options);
    return server.port;
  },
  /** What was spent since this was asked for the last time. */
  load() {
    server?.check?.();
    const spent = process.cpuUsage(cpu);
    const since = performance.eventLoopUtilization(utilization);
    cpu = process.cpuUsage();
    utilization = performance.eventLoopUtilization();
    return { cpuMicros: spent.user + spent.system, utilization: since.utilization };
  },
});
