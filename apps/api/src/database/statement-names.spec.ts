import { isBehindPooler, statementNames } from './statement-names.js';

describe('names of statements', () => {
  it('are the same for the same text, and differ for another', () => {
    const name = statementNames();
    const first = name({ sql: 'SELECT $1', args: [1] });
    expect(first).not.toBe('');
    expect(name({ sql: 'SELECT $1', args: [2] })).toBe(first);
    expect(name({ sql: 'SELECT $1 + 1', args: [2] })).not.toBe(first);
  });

  it('are of the text alone: two processes never give one name to two statements', () => {
    const [one, other] = [statementNames(), statementNames()];
    const [first, second] = [
      { sql: 'UPDATE a SET b = $1', args: [1] },
      { sql: 'DELETE FROM a WHERE b = $1', args: [1] },
    ];
    const names = [one(first), one(second)];
    expect([other(second), other(first)]).toEqual(names.toReversed());
  });

  it('end at two hundred, and those given stay', () => {
    const name = statementNames();
    const given = Array.from({ length: 300 }, (_, n) => name({ sql: `SELECT $1 + ${n}`, args: [n] }));
    expect(new Set(given.slice(0, 200)).size).toBe(200);
    expect(new Set(given.slice(200))).toEqual(new Set(['']));
    expect(name({ sql: 'SELECT $1 + 7', args: [1] })).toBe(given[7]);
  });

  it('are not for what has no parameters', () => {
    expect(statementNames()({ sql: 'BEGIN', args: [] })).toBe('');
  });

  it.each([
    ['postgresql://u:p@h/d', false],
    ['postgresql://u:p@h/d?pgbouncer=true', true],
    ['postgresql://u:p@h/d?sslmode=require&pgbouncer=true', true],
    ['postgresql://u:p@h/d?pgbouncer=false', false],
  ])('%s: behind a pooler %s', (url, pooled) => {
    expect(isBehindPooler(url)).toBe(pooled);
  });
});
