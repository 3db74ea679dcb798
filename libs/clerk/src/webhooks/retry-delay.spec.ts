import { outageDelayMs, retryDelayMs } from './retry-delay.js';

describe('the pause before the next attempt', () => {
  it.each([
    [1, 0, 4_000],
    [1, 0.5, 5_000],
    [2, 0.5, 10_000],
    [9, 0.5, 1_280_000],
  ])('after failure %s, at random %s, is %s ms', (attempts, random, delayMs) => {
    expect(retryDelayMs(attempts, random)).toBe(delayMs);
  });

  it.each([
    [0, 0.5, 5_000],
    [0, 0, 4_000],
    [12_000, 0.5, 12_000],
    [12_000, 0, 9_600],
    [60_000, 0.5, 60_000],
    [86_400_000, 0.5, 60_000],
  ])('of an outage, %s ms after it was received, at random %s, is %s ms', (waitedMs, random, delayMs) => {
    expect(outageDelayMs(waitedMs, random)).toBe(delayMs);
  });
});
