/**
 * Who may be reached. A host that a client, a document or a redirect names may not lead into the private parts of the
 * network (server-side request forgery); a host that the operator named may be anywhere, except at our own listeners.
 * Names are judged when they are resolved for the connection itself, so a second, different answer (DNS rebinding) is judged too.
 * Through UPSTREAM_PROXY the proxy resolves names, so there only literal addresses can be judged.
 */
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { LarderError } from '../errors';

export interface Listener {
  readonly address: string;
  readonly port: number;
}

/** What net.connect takes as `lookup`. */
export type Lookup = (
  hostname: string,
  options: LookupOptions,
  callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

export interface AddressCheck {
  /** Why this literal address and port may not be reached, or undefined. `trusted`: named by the operator. */
  refusal(address: string, port: number, trusted: boolean): LarderError | undefined;
  /** Judges the host of a URL if it is a literal address; a name passes (it is judged by `lookup`). @throws LarderError address-refused | loop */
  assertLiteral(url: URL, trusted: boolean): void;
  /** Resolves names and hands over only addresses that may be reached; its errors are LarderErrors where an address was refused. */
  lookup(port: number, trusted: boolean): Lookup;
}

type Ip = ReturnType<typeof ipaddr.parse>;

/** @param allowNets CIDRs that may be reached although they are not public (ALLOW_NETS) */
export function createAddressCheck(allowNets: readonly string[], own: () => readonly Listener[]): AddressCheck {
  const allowed = allowNets.map((net) => ipaddr.parseCIDR(net));

  const refusal = (address: string, port: number, trusted: boolean): LarderError | undefined => {
    const ip = parse(address);
    if (!ip) return new LarderError('address-refused', { host: address, reason: 'it is not an address' });
    const bare = embedded(ip) ?? ip;
    if (isOwn(bare, port, own())) {
      if (trusted) return new LarderError('loop', { host: `${address}:${port}` });
      return new LarderError('address-refused', { host: `${address}:${port}`, reason: 'it is this cache itself' });
    }
    if (trusted) return undefined;
    if ([ip, bare].some((each) => allowed.some(([net, bits]) => each.kind() === net.kind() && each.match(net, bits)))) return undefined;
    const kind = notPublic(bare);
    return kind === undefined ? undefined : new LarderError('address-refused', { host: address, reason: `its address is ${kind}` });
  };

  return {
    refusal,
    assertLiteral(url, trusted) {
      const address = url.hostname.replace(/^\[|\]$/g, '');
      if (!ipaddr.isValid(address)) return;
      const refused = refusal(address, portOf(url), trusted);
      if (refused) throw refused;
    },
    lookup: (port, trusted) => (hostname, options, callback) => {
      systemLookup(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, []);
        const verdicts = found.map((each) => refusal(each.address, port, trusted));
        const good = found.filter((_, index) => !verdicts[index]);
        const refused = verdicts.find((each) => each?.code === 'loop') ?? (good.length === 0 ? verdicts[0] : undefined);
        if (refused) return callback(new LarderError(refused.code, { ...refused.facts, host: hostname }), []);
        const first = good[0];
        if (!first) return callback(Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' }), []);
        if (options.all) callback(null, good);
        else callback(null, first.address, first.family);
      });
    },
  };
}

/** The port that a URL leads to, also where it is the scheme's own. */
export function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}

function parse(address: string): Ip | undefined {
  return ipaddr.isValid(address) ? ipaddr.parse(address) : undefined;
}

/** The IPv4 address inside an IPv4-mapped, NAT64 (RFC 6052), 6to4 (RFC 3056) or IPv4-translated (RFC 6145) one. */
function embedded(ip: Ip): Ip | undefined {
  if (ip.kind() !== 'ipv6') return undefined;
  const bytes = ip.toByteArray();
  const range = ip.range();
  if (range === 'ipv4Mapped' || range === 'rfc6145') return ipaddr.fromByteArray(bytes.slice(12));
  if (range === '6to4') return ipaddr.fromByteArray(bytes.slice(2, 6));
  // 64:ff9b::/96 only: in 64:ff9b:1::/48 (RFC 8215) the operator of the network chooses where the IPv4 address stands.
  if (range === 'rfc6052' && bytes.slice(4, 12).every((byte) => byte === 0)) return ipaddr.fromByteArray(bytes.slice(12));
  return undefined;
}

/** What kind of address that nobody outside may name it is; undefined for a public unicast one. */
function notPublic(ip: Ip): string | undefined {
  const range = ip.range();
  if (range !== 'unicast') return WORDS[range] ?? 'reserved';
  // Whatever is not yet given out (and ::a.b.c.d) is no public address either: RFC 4291 §2.4, IANA's 2000::/3.
  if (ip.kind() === 'ipv6' && ((ip.toByteArray()[0] ?? 0) & 0xe0) !== 0x20) return 'reserved';
  return undefined;
}

const WORDS: Readonly<Record<string, string>> = {
  private: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
  carrierGradeNat: 'of a carrier-grade NAT',
  multicast: 'multicast',
  broadcast: 'broadcast',
  uniqueLocal: 'unique-local',
  unspecified: 'unspecified',
};

function isOwn(ip: Ip, port: number, own: readonly Listener[]): boolean {
  const here = ip.toNormalizedString();
  const unspecified = ip.range() === 'unspecified'; // connects to this machine
  return own.some((listener) => {
    if (listener.port !== port) return false;
    const at = parse(listener.address.replace(/^\[|\]$/g, ''));
    if (!at) return false;
    const bare = embedded(at) ?? at;
    if (unspecified || bare.toNormalizedString() === here) return true;
    return bare.range() === 'unspecified' && isLocal(ip, here);
  });
}

function isLocal(ip: Ip, here: string): boolean {
  if (ip.range() === 'loopback') return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((each) => parse(each.address.split('%')[0] ?? '')?.toNormalizedString() === here),
  );
}
