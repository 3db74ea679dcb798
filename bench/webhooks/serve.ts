// A program: one contestant in its own process. The other end is in contest.ts.
import 'reflect-metadata';

import type { AddressInfo } from 'node:net';

import { ClerkSync } from '../../libs/clerk/src/index.js';
import { answerParent } from '../answer-parent.js';
import { type Contest, type ContestantName, CONTESTANTS, type Running } from './contestants.js';

let running: Running | null = null;

answerParent({
  async start({ name, contest }: { name: ContestantName; contest: Contest }) {
    running = await CONTESTANTS[name](contest);
    // Listening on a port, not on a pipe.
    return (running.app.getHttpServer().address() as AddressInfo).port;
  },
  /** From now on it only receives. */
  async stopApplying() {
    await running?.applier?.onModuleDestroy();
  },
  /** Until nothing waits, here or in another process. */
  async apply() {
    running?.applier?.onApplicationBootstrap();
    await running?.settled();
  },
  /** Brings all users from Clerk. */
  async backfill() {
    await running?.app.get(ClerkSync, { strict: false }).backfill();
  },
});
