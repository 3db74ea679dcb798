import { prefers } from './accept.js';

describe('a media type is preferred', () => {
  it.each([
    ['text/html', true],
    ['TEXT/HTML; Charset=utf-8', true],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['application/json, text/html', true],
    ['application/json;q=0.5, text/html;q=0.7', true],
    ['application/json, text/html;q=0.9', false],
    ['text/html;q=0', false],
    ['text/html; q=0.000, */*', false],
    ['text/html;q=2', false],
    ['text/html;q=', false],
    ['text/htmlx', false],
    ['application/json;profile="text/html"', false],
    ['*/*', false],
    ['', false],
    [undefined, false],
  ])('over JSON: Accept: %s: %s', (accept, expected) => {
    expect(prefers(accept, 'text/html')).toBe(expected);
  });
});
