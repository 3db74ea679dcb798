import ipaddr from 'ipaddr.js';

/** Whose `X-Forwarded-For` is believed: nobody's, that of so many hops, or that of addresses. */
export type TrustedProxies = null | number | readonly string[];

/** What Fastify takes for `trustProxy`. */
type TrustProxy = boolean | string[] | ((address: string, hop: number) => boolean);

const RANGES = new Set(['loopback', 'linklocal', 'uniquelocal']);
const HOPS_MAX = 10;

/** Reads `2`, or `10.0.0.0/8, loopback`. Undefined for what is neither hops, addresses nor ranges of them. */
export function parseTrustedProxies(text: string): Exclude<TrustedProxies, null> | undefined {
  if (/^\d+$/.test(text)) {
    const hops = Number(text);
    return hops >= 1 && hops <= HOPS_MAX ? hops : undefined;
  }
  const names = text.split(',').map((name) => name.trim());
  return names.every(isNetwork) ? names : undefined;
}

/** Fastify takes a bare number for nobody, as it cannot know who connects: here the operator says that nobody else can. */
export function trustProxyOf(proxies: TrustedProxies): TrustProxy {
  if (proxies === null) return false;
  return typeof proxies === 'number' ? (_address, hop) => hop < proxies : [...proxies];
}

function isNetwork(name: string): boolean {
  return (
    RANGES.has(name) ||
    ipaddr.IPv4.isValidFourPartDecimal(name) ||
    ipaddr.IPv6.isValid(name) ||
    ipaddr.isValidCIDR(name)
  );
}
