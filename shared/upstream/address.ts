/**
 * Who may be reached. A host that a client, a document or a redirect names may not lead into the private parts of the
 * network (server-side request forgery); a host that the operator named may be anywhere, except at our own listeners.
 * Names are judged when they are resolved for the connection itself, so a second, different answer (DNS rebinding) is judged too.
 *
 * One exception, so that an index and its file host on one internal machine need no ALLOW_NETS: a host at the very address and
 * port of a configured base of the same origin (its *peers*) may be reached. We talk to that machine and port for that origin
 * anyway, and say its name to nobody else; what a liar gains is that a request with another Host header arrives there. Peers are resolved at
 * that moment too, and only if the host would be refused otherwise.
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

/** Who named a host, and so where it may be. */
export interface Standing {
  /** The configuration names it: it may be on any address. */
  readonly trusted: boolean;
  /** Configured hosts (names or addresses) whose addresses it may have, on the same port. */
  readonly peers: readonly { readonly host: string; readonly port: number }[];
}

/** Of a host that the operator named. */
export const TRUSTED: Standing = { trusted: true, peers: [] };
/** Of a host that somebody else named. */
export const STRANGER: Standing = { trusted: false, peers: [] };

export interface AddressCheck {
  /** Why this literal address and port may not be reached, or undefined. `near`: addresses of peers. */
  refusal(address: string, port: number, trusted: boolean, near?: ReadonlySet<string>): LarderError | undefined;
  /** Judges a host if it is a literal address; a name passes (it is judged by `lookup`). @throws LarderError address-refused | loop */
  assertLiteral(host: string, port: number, standing: Standing): Promise<void>;
  /** Resolves names and hands over only addresses that may be reached; its errors are LarderErrors where an address was refused. */
  lookup(port: number, standing: Standing): Lookup;
}

type Ip = ReturnType<typeof ipaddr.parse>;

/** @param allowNets CIDRs that may be reached although they are not public (ALLOW_NETS) */
export function createAddressCheck(allowNets: readonly string[], own: () => readonly Listener[]): AddressCheck {
  const allowed = allowNets.map((net) => ipaddr.parseCIDR(net));

  const refusal = (address: string, port: number, trusted: boolean, near?: ReadonlySet<string>): LarderError | undefined => {
    const ip = parse(address);
    if (!ip) return new LarderError('address-refused', { host: address, reason: 'it is not an address' });
    const bare = embedded(ip) ?? ip;
    if (isOwn(bare, port, own())) {
      if (trusted) return new LarderError('loop', { host: `${address}:${port}` });
      return new LarderError('address-refused', { host: `${address}:${port}`, reason: 'it is this cache itself' });
    }
    if (trusted || near?.has(bare.toNormalizedString())) return undefined;
    if ([ip, bare].some((each) => allowed.some(([net, bits]) => each.kind() === net.kind() && each.match(net, bits)))) return undefined;
    const kind = notPublic(bare);
    return kind === undefined ? undefined : new LarderError('address-refused', { host: address, reason: `its address is ${kind}` });
  };

  return {
    refusal,
    async assertLiteral(host, port, standing) {
      const address = bareHost(host);
      if (!ipaddr.isValid(address) || !refusal(address, port, standing.trusted)) return;
      const refused = refusal(address, port, standing.trusted, await addressesOf(standing.peers, port));
      if (refused) throw refused;
    },
    lookup: (port, standing) => (hostname, options, callback) => {
      systemLookup(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, []);
        const decide = (near?: ReadonlySet<string>): void => {
          const verdicts = found.map((each) => refusal(each.address, port, standing.trusted, near));
          const good = found.filter((_, index) => !verdicts[index]);
          const refused = verdicts.find((each) => each?.code === 'loop') ?? (good.length === 0 ? verdicts[0] : undefined);
          if (refused && near === undefined && standing.peers.length > 0) return void addressesOf(standing.peers, port).then(decide);
          if (refused) return callback(new LarderError(refused.code, { ...refused.facts, host: hostname }), []);
          const first = good[0];
          if (!first) return callback(Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' }), []);
          if (options.all) callback(null, good);
          else callback(null, first.address, first.family);
        };
        decide();
      });
    },
  };
}

/** Where the peers with this port are now, normalised; a peer that cannot be resolved is nowhere. */
async function addressesOf(peers: Standing['peers'], port: number): Promise<ReadonlySet<string>> {
  const hosts = new Set(peers.filter((peer) => peer.port === port).map((peer) => bareHost(peer.host)));
  const found = await Promise.all([...hosts].map((host) => resolve(host)));
  return new Set(
    found.flat().flatMap((address) => {
      const ip = parse(address);
      return ip ? [(embedded(ip) ?? ip).toNormalizedString()] : [];
    }),
  );
}

function resolve(host: string): Promise<readonly string[]> {
  if (ipaddr.isValid(host)) return Promise.resolve([host]);
  return new Promise((done) => {
    systemLookup(host, { all: true }, (error, found) => done(error ? [] : found.map((each) => each.address)));
  });
}

function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, '');
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
