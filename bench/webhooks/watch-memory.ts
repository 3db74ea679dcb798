// A program, with --expose-gc: receives and applies events in one process and weighs it. The other end is in main.ts.
import 'reflect-metadata';

import { answerParent } from '../answer-parent.js';
import { ClerkService } from '../../libs/clerk/src/index.js';
import { type Contest, CONTESTANTS } from './contestants.js';
import { signedEvents } from './signed-events.js';

const SAMPLES = 10;
const BATCH = 500;

answerParent({
  /** Mebibytes in use after each tenth of the events. */
  async watch({ contest, events }: { contest: Contest; events: number }) {
    const { app, settled } = await CONTESTANTS['nest-clerk'](contest);
    const clerk = app.get(ClerkService);
    const weights: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      for (let sent = 0; sent < events / SAMPLES; sent += BATCH) {
        const batch = signedEvents(BATCH, contest.secret);
        await Promise.all(batch.map(({ body, headers }) => clerk.processWebhook(Buffer.from(body), headers)));
        await settled();
      }
      weights.push(await weight());
    }
    return weights;
  },
});

async function weight(): Promise<number> {
  const collect: unknown = Reflect.get(globalThis, 'gc');
  if (typeof collect !== 'function') throw new Error('Start it with --expose-gc.');
  // What was freed by one collection may free more.
  for (let round = 0; round < 4; round += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}
