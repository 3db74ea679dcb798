import { principalKey, principalMapKey } from './principal-key.js';

describe('principalKey', () => {
  it.each(['user:user_1', 'ip:2001:db8::/64', 'org:org_1|user:user_1', 'x'.repeat(128)])(
    'leaves %s as it is',
    (plain) => {
      expect(principalKey(plain)).toBe(plain);
    },
  );

  it.each(['x'.repeat(129), 'x'.repeat(10_000), 'a{b', 'a}b', 'a\r\nb', 'a b', 'ключ', '#x'])(
    'puts the digest, 44 characters, in place of %j',
    (odd) => {
      expect(principalKey(odd)).toMatch(/^#[\w-]{43}$/);
      expect(principalKey(odd)).not.toBe(principalKey(`${odd}.`));
    },
  );
});

describe('principalMapKey', () => {
  it('shortens what is long, and nothing else', () => {
    expect(principalMapKey('a{b')).toBe('a{b');
    expect(principalMapKey('x'.repeat(129))).toMatch(/^#[\w-]{43}$/);
  });
});
