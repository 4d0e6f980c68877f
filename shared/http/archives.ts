/**
 * Which archive a request is for, where the client names it (apt), and whether this cache may fetch from it.
 *
 * One thing is one object in the store, however it is asked for:
 * 1. An archive is a scheme, host and port; it is an origin of its own, and keys go by it. `http://h/debian/…` in absolute form and
 *    `/h/debian/…` as a path are one target of the origin `h`.
 * 2. A configured origin with one base and without credentials is an abbreviation: with the base `http://h/debian`, `/debian/…` is
 *    `/debian/…` at `h` too, whatever its name. So naming an archive, or no longer naming it, loses nothing that is held.
 * 3. A configured origin with several bases (mirrors of one content, of which no host can stand for the others), or with credentials
 *    (which are for what lies below its bases only), keeps its own name in its keys, and targets below its bases. What a client asks
 *    for below one of these bases is therefore asked of that origin; of the deepest base, if there are several.
 *
 * Only hosts that the configuration names in a base may be at private addresses (`operatorNamed`): a client naming the same scheme,
 * host and port shares that trust, since it shares the object.
 */
import type { Archive, Module } from '../../caches/module';
import type { CacheConfig, Origin } from '../config/config';
import { LarderError } from '../errors';
import { HostList } from '../config/host-list';
import { cleanTarget, type Target } from './target';

/** Origins of archives that are remembered; more would be no wrong, only memory that clients choose. */
const MOST_ORIGINS = 500;

/** What the configuration says of the archives of a cache. */
export interface ArchiveSettings extends Pick<CacheConfig, 'name' | 'origins'> {
  /** Hosts besides the configured ones: `host`, `*.suffix`, `host:port`. */
  readonly hosts?: 'any' | readonly string[];
}

export interface Resolved {
  readonly origin: Origin;
  /** Below that origin; checked, `//` collapsed. */
  readonly target: string;
}

/** A base of an origin that keeps its own name. */
interface Kept {
  readonly origin: Origin;
  /** `scheme://host[:port]` */
  readonly place: string;
  /** Without trailing slash. */
  readonly prefix: string;
}

export class Archives {
  private readonly allowed: HostList;
  /** Places (`scheme://host[:port]`) of all bases; those that the operator named. */
  private readonly configured = new Set<string>();
  private readonly trusted = new Set<string>();
  private readonly kept: Kept[] = [];
  private readonly names: ReadonlySet<string>;
  /** Most recently used last. */
  private readonly origins = new Map<string, Origin>();

  constructor(
    private readonly module: Module,
    private readonly cache: ArchiveSettings,
  ) {
    this.allowed = new HostList(cache.hosts ?? []);
    this.names = new Set(cache.origins.map(({ name }) => name));
    for (const origin of cache.origins) {
      for (const base of origin.bases) {
        const url = new URL(base);
        this.configured.add(url.origin);
        if (origin.operatorNamed) this.trusted.add(url.origin);
        if (!isAbbreviation(origin)) this.kept.push({ origin, place: url.origin, prefix: url.pathname.replace(/\/$/, '') });
      }
    }
    this.kept.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** Whether the configuration names this host in a base: then it is an archive, even if it could be a name of this cache too. */
  isConfigured(scheme: string, host: string): boolean {
    const place = placeOf(scheme, host);
    return place !== undefined && this.configured.has(place.origin);
  }

  /** Whether a tunnel to this host and port may be made; of its address nothing is known yet. */
  mayTunnel(host: string, port: number): boolean {
    const place = placeOf('https', `${host}:${port}`);
    return place !== undefined && (this.configured.has(place.origin) || this.allowed.has(place));
  }

  /**
   * @param isForeign the target is in absolute form and its host is not this cache: it names the archive
   * @throws LarderError bad-target | not-found | target-refused (before anybody is asked)
   */
  resolve(target: Target, isForeign: boolean): Resolved {
    // A name that the operator gave goes before what could be a host; then there are archives, then the default origin.
    const named = isForeign ? undefined : this.named(target.path);
    if (named) return named;
    const archive = this.module.archive?.(target.raw, isForeign ? target.absolute : undefined);
    if (archive) return this.reach(archive);
    if (isForeign) throw this.refusal(target.absolute?.host ?? '', 'no archive stands in the target');
    const [first] = this.cache.origins;
    if (!first || first.bases.length === 0) throw new LarderError('not-found', { target: target.path });
    return this.below(first, target.path);
  }

  /** What an error is called if it says that a host may not be reached. */
  refusal(host: string, reason: string): LarderError {
    const remedy = `if that is intended, add it to ${settingOf(this.cache.name)}`;
    return new LarderError('target-refused', { host, reason, remedy });
  }

  private named(path: string): Resolved | undefined {
    for (const origin of this.cache.origins.slice(1)) {
      const mount = `/${origin.name}`;
      if (path === mount || path.startsWith(`${mount}/`)) return this.below(origin, path.slice(mount.length) || '/');
    }
    return undefined;
  }

  private below(origin: Origin, target: string): Resolved {
    const base = isAbbreviation(origin) ? origin.bases[0] : undefined;
    if (base === undefined) return { origin, target };
    const url = new URL(base);
    return this.canonical(url, url.pathname.replace(/\/$/, '') + target);
  }

  private reach({ scheme, host, target }: Archive): Resolved {
    const place = placeOf(scheme, host);
    if (!place) throw new LarderError('bad-target', { reason: 'what it names is no host' });
    if (!this.configured.has(place.origin) && !this.allowed.has(place)) {
      throw this.refusal(place.host, `it is no archive that ${settingOf(this.cache.name)} allows`);
    }
    return this.canonical(place, cleanTarget(target, true));
  }

  private canonical(place: URL, target: string): Resolved {
    for (const { origin, place: other, prefix } of this.kept) {
      if (other !== place.origin) continue;
      if (target === prefix || target.startsWith(`${prefix}/`)) return { origin, target: target.slice(prefix.length) || '/' };
    }
    return { origin: this.originOf(place), target };
  }

  private originOf(place: URL): Origin {
    const key = place.origin;
    const known = this.origins.get(key);
    this.origins.delete(key);
    const origin = known ?? this.make(place);
    this.origins.set(key, origin);
    if (this.origins.size > MOST_ORIGINS) this.origins.delete(this.origins.keys().next().value as string);
    return origin;
  }

  private make(place: URL): Origin {
    const isHttp = place.protocol === 'http:';
    // A host called like a configured origin must not get at its keys. No configured name has a colon.
    const host = this.names.has(place.host) ? `${place.host}:80` : place.host;
    const suites = [...new Set(this.cache.origins.flatMap((origin) => (isAt(origin, place) ? (origin.suites ?? []) : [])))];
    return Object.freeze({
      ...(suites.length > 0 ? { suites } : {}),
      name: isHttp ? host : `https~${place.host}`,
      bases: Object.freeze([place.origin]),
      operatorNamed: this.trusted.has(place.origin),
    });
  }
}

function isAt({ bases }: Origin, place: URL): boolean {
  return bases.some((base) => new URL(base).origin === place.origin);
}

/** The setting that lists the hosts of a cache. */
export function settingOf(cacheName: string): string {
  return `${cacheName.toUpperCase()}_HOSTS`;
}

/** Whether an origin is no more than a short name for a place at its only host. */
function isAbbreviation({ bases, authorization }: Origin): boolean {
  const [base] = bases;
  if (base === undefined || bases.length > 1 || authorization !== undefined) return false;
  const { username, password } = new URL(base);
  return username === '' && password === '';
}

/** Scheme, host and port in one form (lower case, no default port, addresses as they are usually written); undefined for what is no host. */
function placeOf(scheme: string, host: string): URL | undefined {
  if (!/^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host)) return undefined;
  const url = `${scheme}://${host.replace(/\.(?=:|$)/, '')}`;
  return URL.canParse(url) ? new URL(url) : undefined;
}
