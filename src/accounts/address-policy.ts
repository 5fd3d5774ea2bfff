import ipaddr, { type IPv4, type IPv6 } from 'ipaddr.js';

type Address = IPv4 | IPv6;

/** Azure's metadata and DNS service: the one address of its kind that stands in public space. */
const SPECIAL_PUBLIC = ['168.63.129.16'];

const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/**
 * Whether anybody may have an address dialled: globally reachable unicast and nothing else (the IANA special-purpose registries,
 * RFC 6890), so neither loopback, private, link-local (cloud metadata), carrier NAT, documentation, benchmarking, multicast nor
 * reserved space. An IPv4 address inside an IPv6 one counts as what it is inside where the network would deliver it there
 * (IPv4-mapped; NAT64, RFC 6052); the other transition forms (6to4, Teredo, IPv4-compatible) are refused whole.
 */
export function isPublicAddress(text: string): boolean {
  const address = parseAddress(text);
  if (!address) return false;
  if (isIPv4(address)) return address.range() === 'unicast' && !SPECIAL_PUBLIC.includes(address.toString());
  const inner = translated(address);
  return inner ? isPublicAddress(inner) : address.range() === 'unicast' && address.match(GLOBAL_UNICAST);
}

/** Whether an address is in one of the networks; IPv4 inside IPv6 is also looked up as IPv4. */
export function isInNetworks(text: string, networks: readonly string[]): boolean {
  const address = parseAddress(text);
  if (!address) return false;
  const inner = isIPv4(address) ? undefined : translated(address);
  return networks.some((network) => isInside(address, network)) || (!!inner && isInNetworks(inner, networks));
}

/** Without zone (`fe80::1%eth0`: link-local, never needed), and as plain IPv4 where it is mapped. */
function parseAddress(text: string): Address | undefined {
  // ipaddr.js reads the IPv4-compatible `::8.8.8.8` (RFC 4291 section 2.5.5.1) as a mapped address; the kernel does not.
  const compatible = /^::\d+\./.test(text);
  if (compatible || text.includes('%') || !ipaddr.isValid(text)) return undefined;
  return ipaddr.process(text);
}

function translated(address: IPv6): string | undefined {
  if (!address.match(NAT64)) return undefined;
  return ipaddr.fromByteArray(address.toByteArray().slice(12)).toString();
}

function isInside(address: Address, network: string): boolean {
  const [base, bits] = ipaddr.parseCIDR(network);
  if (isIPv4(address)) return isIPv4(base) && address.match(base, bits);
  return !isIPv4(base) && address.match(base, bits);
}

const isIPv4 = (address: Address): address is IPv4 => address.kind() === 'ipv4';
