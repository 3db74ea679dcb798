import { retryAfterSeconds } from './retry-after.js';

const nowMs = Date.parse('2026-01-01T00:00:00.250Z');

describe('Retry-After', () => {
  it.each<[string | null, number | null]>([
    ['7', 7],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    [null, null],
    ['', null],
    ['-1', null],
    ['1.5', null],
    ['9999999999', null],
    ['soon', null],
  ])('%j asks to wait %s seconds', (header, seconds) => {
    expect(retryAfterSeconds(header, nowMs)).toBe(seconds);
  });
});
