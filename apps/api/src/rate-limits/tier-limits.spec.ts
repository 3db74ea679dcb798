import { parseLimits } from './tier-limits.js';

describe('limits as text', () => {
  it.each([
    ['10/min', [{ name: 'minute', limit: 10, durationMs: 60_000 }]],
    [
      ' 5/s , 1000/h,20000/d',
      [
        { name: 'second', limit: 5, durationMs: 1_000 },
        { name: 'hour', limit: 1_000, durationMs: 3_600_000 },
        { name: 'day', limit: 20_000, durationMs: 86_400_000 },
      ],
    ],
  ])('%s can be read', (text, windows) => {
    expect(parseLimits(text)).toEqual(windows);
  });

  it.each([
    '',
    '10',
    '10/',
    '0/min',
    '-1/min',
    '1.5/min',
    '1e3/min',
    '10/week',
    '10/min,',
    '10/min,20/min',
    '10/constructor',
    '1000000000000/h',
  ])('%j cannot', (text) => {
    expect(parseLimits(text)).toBeNull();
  });
});
