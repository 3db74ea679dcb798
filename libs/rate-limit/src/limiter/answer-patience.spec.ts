import { createHook } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { AnswerPatience } from './answer-patience.js';

const never = () => new Promise<never>(() => undefined);

describe('patience with answers', () => {
  it('gives what comes in time, the failure too', async () => {
    const patience = new AnswerPatience(1_000);
    await expect(patience.wait(wait(5, 'answer'))).resolves.toBe('answer');
    await expect(patience.wait(Promise.reject(new Error('READONLY')))).rejects.toThrow('READONLY');
  });

  it('ends for each as long after it was asked for', async () => {
    const patience = new AnswerPatience(40);
    const startMs = performance.now();
    const endings: number[] = [];
    const asked = (afterMs: number) =>
      wait(afterMs)
        .then(() => patience.wait(never()))
        .catch(() => endings.push(performance.now() - startMs - afterMs));
    await Promise.all([asked(0), asked(15), asked(70)]);
    expect(endings).toHaveLength(3);
    for (const ms of endings) expect(ms).toBeGreaterThanOrEqual(39);
  });

  it('goes on for others once one was answered, and drops a late answer', async () => {
    const patience = new AnswerPatience(30);
    const [answered, hung, late] = [
      patience.wait(wait(5, 1)),
      patience.wait(never()),
      // Later also than what is granted where this process comes late itself.
      patience.wait(wait(1_000, 2, { ref: false })),
    ];
    await expect(answered).resolves.toBe(1);
    await expect(hung).rejects.toThrow('no answer in time');
    await expect(late).rejects.toThrow('no answer in time');
  });

  it('does not count the time in which this process was busy itself', async () => {
    const patience = new AnswerPatience(20);
    const asked = new Promise((resolve) => setImmediate(resolve)).then(() => wait(1, 'answer'));
    const waited = patience.wait(asked);
    const untilMs = performance.now() + 100;
    while (performance.now() < untilMs);
    await expect(waited).resolves.toBe('answer');
  });

  it('gives an answer that arrives with the end of its time', async () => {
    // Several times: where this process comes too late by itself, there is more time, and nothing is shown.
    for (let round = 0; round < 20; round += 1) {
      const untilMs = performance.now() + 22;
      // Read in the turn of the event loop in which the time is over.
      const asked = wait(20).then(() => new Promise((resolve) => setImmediate(resolve, round)));
      const answered = new AnswerPatience(20).wait(asked);
      while (performance.now() < untilMs);
      expect(await answered).toBe(round);
    }
  });

  it('ends also where this process is busy all the time', async () => {
    const patience = new AnswerPatience(20);
    let isOver = false;
    let stretches = 0;
    const busy = () => {
      const untilMs = performance.now() + 30;
      while (performance.now() < untilMs);
      stretches += 1;
      if (!isOver && stretches < 50) setImmediate(busy);
    };
    busy();
    await expect(patience.wait(never())).rejects.toThrow('no answer in time');
    isOver = true;
    // Twice its time, each of which ends within a stretch.
    expect(stretches).toBeLessThanOrEqual(5);
  });

  it('has one timer for all', async () => {
    let timers = 0;
    const hook = createHook({ init: (_id, type) => (timers += type === 'Timeout' ? 1 : 0) }).enable();
    const patience = new AnswerPatience(5_000);
    const answers = Array.from({ length: 100 }, (_none, index) => patience.wait(Promise.resolve(index)));
    hook.disable();
    await Promise.all(answers);
    expect(timers).toBe(1);
  });

  it('holds on to nothing that was answered', async () => {
    setFlagsFromString('--expose-gc');
    // What the flag brings is known to no type.
    const collect = runInNewContext('gc') as () => void;
    const patience = new AnswerPatience(1);
    const heapBytes = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const ask = async (rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        await Promise.all(
          Array.from({ length: 5_000 }, (_none, index) => patience.wait(Promise.resolve(index))),
        );
        await wait(2);
      }
    };
    await ask(5);
    const before = heapBytes();
    await ask(40);
    // 200,000 of them would be 12 MB.
    expect(heapBytes() - before).toBeLessThan(5_000_000);
  });
});
