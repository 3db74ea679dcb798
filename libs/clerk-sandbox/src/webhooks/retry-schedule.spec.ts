import { nextDelaySeconds } from './retry-schedule.js';

const attempt = (number: number, more = {}) =>
  nextDelaySeconds({ number, isOverload: false, retryAfterSeconds: null, random: 0.5, ...more });

describe('the retry schedule', () => {
  it('is that of Svix: eight attempts, the last after 27 h 35 min 5 s', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((number) => attempt(number));
    expect(delays).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
    expect(delays.reduce((sum: number, delay) => sum + (delay ?? 0), 0)).toBe(27 * 3_600 + 35 * 60 + 5);
    expect(attempt(8)).toBeNull();
  });

  it('is jittered by up to a fifth either way', () => {
    expect([attempt(2, { random: 0 }), attempt(2, { random: 1 })]).toEqual([240, 360]);
  });

  it('honours Retry-After between one and two times the delay', () => {
    expect(attempt(2, { retryAfterSeconds: 1 })).toBe(300);
    expect(attempt(2, { retryAfterSeconds: 450 })).toBe(450);
    expect(attempt(2, { retryAfterSeconds: 9_999 })).toBe(600);
  });

  it('waits a minute at least after a time-out or 429', () => {
    expect(attempt(1, { isOverload: true })).toBe(60);
    expect(attempt(2, { isOverload: true })).toBe(300);
  });
});
