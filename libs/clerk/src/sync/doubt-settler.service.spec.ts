import { Logger } from '@nestjs/common';

import { DoubtSettler } from './doubt-settler.service.js';

/** A settler whose rounds are awaited; each does the next of `rounds`, and the last again. */
function createSettler(...rounds: (() => Promise<unknown>)[]) {
  const awaited: (() => void)[] = [];
  let count = 0;
  const settle = async () => {
    const round = rounds[Math.min(count, rounds.length - 1)];
    count += 1;
    awaited.shift()?.();
    await round?.();
  };
  const settler = new DoubtSettler({ settle, firstMs: 1, everyMs: 1 });
  const nextRound = () => new Promise<void>((resolve) => awaited.push(resolve));
  return { settler, nextRound, count: () => count };
}

it('settles round after round, whatever one of them comes to, and says so once for each', async () => {
  const warn = import.meta.jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const { settler, nextRound } = createSettler(
    () => Promise.reject(new Error('topsecret')),
    () => Promise.resolve(),
  );
  const rounds = [nextRound(), nextRound(), nextRound()];
  settler.onApplicationBootstrap();
  await Promise.all(rounds);
  settler.onModuleDestroy();
  expect(warn).toHaveBeenCalledTimes(1);
  expect(JSON.stringify(warn.mock.calls)).not.toContain('topsecret');
  warn.mockRestore();
});

it('begins no round after a shutdown, and is silent about the one that it ends', async () => {
  const warn = import.meta.jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  let fail = (_reason: Error): void => undefined;
  const failing = new Promise<void>((_resolve, reject) => {
    fail = reject;
  });
  const { settler, nextRound, count } = createSettler(() => failing);
  const begun = nextRound();
  settler.onApplicationBootstrap();
  await begun;
  settler.onModuleDestroy();
  fail(new Error('aborted'));
  await failing.catch(() => undefined);
  // Where it is not stopped, the next round begins a millisecond later: long before this.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([count(), warn.mock.calls]).toEqual([1, []]);
  warn.mockRestore();
});
