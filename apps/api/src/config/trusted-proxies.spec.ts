import { parseTrustedProxies, trustProxyOf } from './trusted-proxies.js';

describe('trusted proxies', () => {
  it.each<[string, number | string[]]>([
    ['1', 1],
    ['10', 10],
    [
      'loopback, 10.0.0.0/8,192.0.2.1,2001:db8::/32',
      ['loopback', '10.0.0.0/8', '192.0.2.1', '2001:db8::/32'],
    ],
  ])('%s are', (text, proxies) => {
    expect(parseTrustedProxies(text)).toEqual(proxies);
  });

  it.each(['0', '11', 'true', '*', '10.0.0.0/33', 'example.com', '10.0.0.1,,10.0.0.2', '1.2'])(
    '%s are not',
    (text) => {
      expect(parseTrustedProxies(text)).toBeUndefined();
    },
  );

  it('are nobody, those of a list, or so many hops from here', () => {
    expect(trustProxyOf(null)).toBe(false);
    expect(trustProxyOf(['loopback'])).toEqual(['loopback']);
    const hops = trustProxyOf(2);
    expect(typeof hops === 'function' && [0, 1, 2].map((hop) => hops('192.0.2.1', hop))).toEqual([
      true,
      true,
      false,
    ]);
  });
});
