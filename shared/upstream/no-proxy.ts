/** NO_PROXY: which hosts are reached without UPSTREAM_PROXY. */
import ipaddr from 'ipaddr.js';

/**
 * Rules as curl and Go read them: `*`; `host` (it and its subdomains); `.suffix` and `*.suffix` (subdomains only);
 * an address; a CIDR (literal addresses only); each of the first four also with `:port`. Case does not matter.
 */
export function isWithoutProxy(rules: readonly string[], hostname: string, port: number): boolean {
  const host = hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  return rules.some((rule) => matches(rule.trim().toLowerCase(), host, port));
}

function matches(rule: string, host: string, port: number): boolean {
  if (rule === '') return false;
  if (rule === '*') return true;
  if (rule.includes('/')) return isInNet(rule, host);
  const { name, rulePort } = split(rule);
  if (rulePort !== undefined && rulePort !== port) return false;
  if (name === '*') return true;
  if (ipaddr.isValid(host)) return ipaddr.isValid(name) && ipaddr.process(name).toString() === ipaddr.process(host).toString();
  if (name.startsWith('.') || name.startsWith('*.')) return host.endsWith(name.replace(/^\*/, ''));
  return host === name || host.endsWith(`.${name}`);
}

function split(rule: string): { name: string; rulePort?: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(rule);
  const found = bracketed ?? (rule.split(':').length === 2 ? /^([^:]+):(\d+)$/.exec(rule) : null);
  if (!found) return { name: rule };
  return found[2] === undefined ? { name: found[1] ?? '' } : { name: found[1] ?? '', rulePort: Number(found[2]) };
}

function isInNet(rule: string, host: string): boolean {
  if (!ipaddr.isValid(host) || !ipaddr.isValidCIDR(rule)) return false;
  const [net, bits] = ipaddr.parseCIDR(rule);
  const ip = ipaddr.process(host);
  return ip.kind() === net.kind() && ip.match(net, bits);
}
