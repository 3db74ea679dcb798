import { ClerkError } from '../clerk-error.js';
import { bearerToken } from './bearer-token.js';

function verdict(header: string | string[] | undefined): string {
  try {
    return bearerToken(header);
  } catch (error) {
    return error instanceof ClerkError ? error.code : 'other';
  }
}

describe('the Authorization header', () => {
  it.each<[string | string[] | undefined, string]>([
    ['Bearer a.b.c', 'a.b.c'],
    ['bearer a.b.c', 'a.b.c'],
    ['BEARER   a.b.c  ', 'a.b.c'],
    [undefined, 'TOKEN_MISSING'],
    ['', 'TOKEN_MISSING'],
    ['Basic dXNlcjpwYXNz', 'TOKEN_MISSING'],
    ['a.b.c', 'TOKEN_MISSING'],
    ['Bearer', 'TOKEN_MALFORMED'],
    ['Bearer ', 'TOKEN_MALFORMED'],
    ['Bearer a b', 'TOKEN_MALFORMED'],
    // What is in a token is looked at by whoever takes it apart.
    ['Bearer a,b', 'a,b'],
    ['bearer a,b', 'TOKEN_MALFORMED'],
    ['Bearer a b.c', 'TOKEN_MALFORMED'],
    [['Bearer a', 'Bearer b'], 'TOKEN_MALFORMED'],
  ])('%j gives %s', (header, expected) => {
    expect(verdict(header)).toBe(expected);
  });
});
