/**
 * Under which base URL a client sees this cache. The base goes into rewritten documents, so it comes from a closed set: nobody can
 * poison or multiply the copies by inventing Host fields.
 */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { LarderError } from '../errors';
import type { CacheConfig, Config } from '../config/config';
import type { Listener } from './listen';
import type { RequestFacts } from './request-facts';

const MOST_SPELLINGS = 1000;

export class Bases {
  /** Made when the first request comes: by then it is known where it is listened. */
  private names: ReadonlySet<string> | undefined;
  private readonly named: ReadonlySet<string>;
  private readonly known = new Map<string, string>();

  constructor(
    private readonly config: Config,
    private readonly cache: CacheConfig,
    /** Where it is listened; the first is the usual one. Asked once there are requests. */
    private readonly listeners: () => readonly Listener[],
  ) {
    this.named = new Set(
      [`cache-${cache.name}`, `cache-${cache.name}.${config.domain}`, ...config.allowHosts].map((name) => name.toLowerCase()),
    );
  }

  /** The base for a plain request with this Host, if it was accepted before. Costs one look-up. */
  recall(host: string | undefined): string | undefined {
    return host === undefined ? undefined : this.known.get(host);
  }

  /**
   * @param trusted whether the peer is one of TRUSTED_PROXIES
   * @throws LarderError misdirected | bad-target
   */
  of(facts: RequestFacts, trusted: boolean): string {
    if (facts.hostTwice) throw new LarderError('bad-target', { reason: 'it has two Host fields' });
    const forwarded = trusted ? first(facts.forwardedHost) : undefined;
    const host = (forwarded ?? facts.host ?? '').trim();
    // HTTP/1.0 clients may send none; they get the address that is always ours.
    if (host === '' && this.cache.publicUrl === undefined) return `http://127.0.0.1:${this.listeners()[0]?.port ?? this.cache.port}`;
    if (host !== '' && !this.accepts(host.toLowerCase(), forwarded !== undefined))
      throw new LarderError('misdirected', { host, cache: this.cache.name });
    const base = this.cache.publicUrl ?? this.compose(host.toLowerCase(), trusted ? facts : undefined);
    // Bounded: a name can be spelled in many mixtures of capitals.
    if (!trusted && facts.host !== undefined && this.known.size < MOST_SPELLINGS) this.known.set(facts.host, base);
    return base;
  }

  /** Whether this is a name of ours (for absolute-form targets). */
  accepts(host: string, anyPort = false): boolean {
    const { name, port } = split(host);
    if (this.cache.publicUrl !== undefined && new URL(this.cache.publicUrl).host === host) return true;
    return this.isName(name) && (anyPort || port === '' || port === '80' || port === '443' || this.isPort(port));
  }

  /** Whether this is certainly a name of ours, not of something else on this machine: with our port, or named by the operator. */
  isHere(host: string): boolean {
    const { name, port } = split(host);
    if (this.cache.publicUrl !== undefined && new URL(this.cache.publicUrl).host === host) return true;
    return this.accepts(host) && (this.isPort(port) || this.named.has(name));
  }

  private isPort(port: string): boolean {
    return this.listeners().some((listener) => listener.port === Number(port));
  }

  private isName(name: string): boolean {
    this.names ??= new Set([
      ...this.named,
      'localhost',
      '127.0.0.1',
      '[::1]',
      ...this.addresses()
        .filter((address) => !isAny(address))
        .map((address) => hostForm(address).toLowerCase()),
    ]);
    return this.names.has(name) || this.isOwnAddress(name);
  }

  /** Listening on every address means being called by any of this machine's, by those too that it has come by since: of bridges of containers. */
  private isOwnAddress(name: string): boolean {
    const address = name.replace(/^\[|\]$/g, '');
    if (isIP(address) === 0 || !this.addresses().some(isAny)) return false;
    return Object.values(networkInterfaces()).some((list) => list?.some((entry) => hostForm(entry.address) === name));
  }

  private addresses(): readonly string[] {
    return [...this.config.listen, ...this.listeners().map(({ address }) => address)];
  }

  private compose(host: string, forwarded: RequestFacts | undefined): string {
    const proto = first(forwarded?.forwardedProto) === 'https' ? 'https' : 'http';
    const prefix = first(forwarded?.forwardedPrefix) ?? '';
    const { name, port } = split(host);
    // One form for every spelling of a port, so that they share their copies.
    return `${proto}://${name}${port === '' ? '' : `:${Number(port)}`}${/^(?:\/[\w~-][\w.~-]*)+$/.test(prefix) ? prefix : ''}`;
  }
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function first(list: string | undefined): string | undefined {
  const value = list?.split(',')[0]?.trim();
  return value === '' ? undefined : value;
}

function hostForm(address: string): string {
  return address.includes(':') ? `[${address.toLowerCase()}]` : address;
}

function split(host: string): { name: string; port: string } {
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host);
  return { name: found?.[1] ?? host, port: found?.[2] ?? '' };
}
