import { resetSeconds } from './seconds.js';

describe('the seconds until a window has units again', () => {
  it.each([
    [1, 1],
    [59_000, 59],
    [59_001, 60],
    [60_000, 60],
    [60_001, 60],
  ])('are %d ms: %d s of a minute', (resetMs, seconds) => {
    expect(resetSeconds({ name: 'minute', limit: 10, durationMs: 60_000, remaining: 9, resetMs })).toBe(
      seconds,
    );
  });
});
