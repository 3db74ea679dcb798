// A program: one contestant in its own process. The other end is in contest.ts.
import 'reflect-metadata';

import type { AddressInfo } from 'node:net';

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
  /** Applies everything that waits. */
  async apply() {
    running?.applier?.onApplicationBootstrap();
    await running?.applier?.idle();
  },
});
