import ipaddr from 'ipaddr.js';

/** No address is longer, zone included. What is longer is not parsed, which takes the square of its length: 23 ms for 16 kB. */
const ADDRESS_LENGTH_MAX = 64;

const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
/** `192.0.2.7:443`, `[2001:db8::1]:443`: some proxies write the port of the connection into X-Forwarded-For. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/;

/**
 * Whom an address stands for, whatever the port behind it: an IPv4 address for itself, however it is written, and translated by
 * NAT64 too (64:ff9b::/96, https://www.rfc-editor.org/rfc/rfc6052#section-2.1); an IPv6 address for its /64, which is what one
 * customer has (https://www.rfc-editor.org/rfc/rfc6177). All that is no address is one and the same.
 */
export function addressPrincipal(address: string | undefined): string {
  if (address === undefined || address.length > ADDRESS_LENGTH_MAX) return 'ip:unknown';
  const [, inBrackets, dotted] = WITH_PORT.exec(address) ?? [];
  const bare = inBrackets ?? dotted ?? address;
  if (!ipaddr.isValid(bare)) return 'ip:unknown';
  // An IPv4 address that IPv6 carries becomes IPv4 again.
  const parsed = ipaddr.process(bare);
  if (parsed instanceof ipaddr.IPv4) return `ip:${parsed.toString()}`;
  const bytes = parsed.toByteArray();
  if (parsed.match(NAT64)) return `ip:${bytes.slice(12).join('.')}`;
  const network = bytes.slice(0, 8);
  const groups = [0, 2, 4, 6].map((at) => (((network[at] ?? 0) << 8) | (network[at + 1] ?? 0)).toString(16));
  return `ip:${groups.join(':')}::/64`;
}
