import ipaddr from 'ipaddr.js';
import type { HostAllowList } from './config.js';

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Reads `MAIL_HOST_ALLOW`: CIDRs, single addresses and host names, separated by commas.
 * @returns the list, and the entries that are none of these
 */
export function parseHostAllow(text: string): HostAllowList & { readonly invalid: readonly string[] } {
  const networks: string[] = [];
  const hosts: string[] = [];
  const invalid: string[] = [];
  for (const entry of text.split(',').flatMap((part) => part.trim() || [])) {
    const network = asNetwork(entry);
    const host = entry.toLowerCase().replace(/\.$/, '');
    if (network) networks.push(network);
    else if (looksLikeHost(host)) hosts.push(host);
    else invalid.push(entry);
  }
  return { networks, hosts, invalid };
}

function asNetwork(entry: string): string | undefined {
  if (ipaddr.isValidCIDR(entry)) return entry;
  if (ipaddr.IPv4.isValidFourPartDecimal(entry)) return `${entry}/32`;
  return ipaddr.IPv6.isValid(entry) ? `${entry}/128` : undefined;
}

/** A last label of digits only would be an address written wrongly (`10.0.0`), not a name. */
const looksLikeHost = (host: string): boolean => HOST_NAME.test(host) && !/(^|\.)\d+$/.test(host);
