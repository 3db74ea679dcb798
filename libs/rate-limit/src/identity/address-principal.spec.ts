import { addressPrincipal } from './address-principal.js';

describe('whom an address stands for', () => {
  it.each([
    ['192.0.2.7', 'ip:192.0.2.7'],
    ['::ffff:192.0.2.7', 'ip:192.0.2.7'],
    ['::ffff:c000:207', 'ip:192.0.2.7'],
    ['2001:db8:1:2::1', 'ip:2001:db8:1:2::/64'],
    ['2001:DB8:1:2:ffff:ffff:ffff:ffff', 'ip:2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', 'ip:2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'ip:fe80:0:0:0::/64'],
    ['::1', 'ip:0:0:0:0::/64'],
    ['unknown', 'ip:unknown'],
    ['192.0.2.7:8080', 'ip:192.0.2.7'],
    ['[2001:db8:1:2::1]:8080', 'ip:2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]', 'ip:2001:db8:1:2::/64'],
    ['192.0.2.7:', 'ip:unknown'],
    ['192.0.2.7:80:80', 'ip:unknown'],
    ['64:ff9b::192.0.2.7', 'ip:192.0.2.7'],
    ['64:ff9b::c000:207', 'ip:192.0.2.7'],
    ['64:ff9b:1::c000:207', 'ip:64:ff9b:1:0::/64'],
    ['', 'ip:unknown'],
    ['1'.repeat(10_000), 'ip:unknown'],
    [`fe80::1%${'a'.repeat(100)}`, 'ip:unknown'],
    [undefined, 'ip:unknown'],
  ])('%s: %s', (address, principal) => {
    expect(addressPrincipal(address)).toBe(principal);
  });
});
