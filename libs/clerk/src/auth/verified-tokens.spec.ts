import type { VerifiedSession } from './session-claims.js';
import { digestOf, VerifiedTokens } from './verified-tokens.js';

function session(name: string, { expiresAtMs = 60_000, notBeforeMs = 0 } = {}): VerifiedSession {
  const auth = {
    tokenType: 'session_token' as const,
    instance: 'default',
    userId: `user_${name}`,
    sessionId: `sess_${name}`,
    organization: null,
    actorId: null,
    expiresAtMs,
    claims: {},
  };
  return { auth, issuedAtSeconds: 0, notBeforeMs };
}

function kept(tokensMax: number, names: readonly string[], ttlMs = 60_000) {
  const tokens = new VerifiedTokens({ tokensMax, ttlMs });
  for (const name of names) tokens.set(name, session(name), 0);
  return tokens;
}

const names = (count: number, prefix = 't') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const has = (tokens: VerifiedTokens, name: string, nowMs = 1) => tokens.get(name, nowMs) !== null;

describe('verified tokens', () => {
  it('are kept up to the bound, and used in turn none of them is lost', () => {
    const tokens = kept(10_000, names(10_000));
    for (let round = 0; round < 3; round += 1) {
      expect(names(10_000).filter((name) => !has(tokens, name))).toEqual([]);
    }
  });

  it('are never more than the bound', () => {
    const tokens = kept(100, names(1_000));
    expect(names(1_000).filter((name) => has(tokens, name))).toHaveLength(100);
  });

  it('stay while they are used, however many come by once', () => {
    const tokens = kept(100, names(50, 'regular'));
    for (const name of names(5_000, 'passing')) {
      for (const regular of names(50, 'regular')) tokens.get(regular, 1);
      tokens.set(name, session(name), 0);
    }
    expect(names(50, 'regular').filter((name) => !has(tokens, name))).toEqual([]);
  });

  it('make room once they have expired, used or not', () => {
    const tokens = new VerifiedTokens({ tokensMax: 2, ttlMs: 60_000 });
    tokens.set('short', session('short', { expiresAtMs: 10 }), 0);
    tokens.set('long', session('long'), 0);
    expect([has(tokens, 'short'), has(tokens, 'long')]).toEqual([true, true]);
    tokens.set('new', session('new'), 20);
    expect(tokens.get('short', 5)).toBeNull();
    // It went at once: nobody else had to give up a second chance for it.
    tokens.set('newer', session('newer'), 20);
    expect(['long', 'new', 'newer'].map((name) => has(tokens, name, 5))).toEqual([true, false, true]);
  });

  it('are good between their first and their last moment, and no longer than the bound in time', () => {
    const tokens = new VerifiedTokens({ ttlMs: 100 });
    tokens.set('a', session('a', { notBeforeMs: 10, expiresAtMs: 50 }), 0);
    tokens.set('b', session('b'), 0);
    expect([9, 10, 49, 50].map((nowMs) => has(tokens, 'a', nowMs))).toEqual([false, true, true, false]);
    expect([99, 100].map((nowMs) => has(tokens, 'b', nowMs))).toEqual([true, false]);
  });

  it('are not kept at all where the bound in time is 0, or once they have expired', () => {
    expect(has(kept(10, ['a'], 0), 'a', 0)).toBe(false);
    const tokens = new VerifiedTokens({ ttlMs: 100 });
    tokens.set('a', session('a', { expiresAtMs: 10 }), 10);
    expect(has(tokens, 'a', 5)).toBe(false);
  });

  it('keep one place when they are verified anew', () => {
    const tokens = kept(2, ['a', 'a', 'a', 'b']);
    expect([has(tokens, 'a'), has(tokens, 'b')]).toEqual([true, true]);
  });

  it('are known by SHA-256', () => {
    expect(digestOf('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
  });
});
