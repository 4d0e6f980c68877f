/**
 * How a URL stands with the configuration, for address.ts. The bases of a configured origin may be on any address: the operator
 * named them, or kept the default, whose name may well lead to a mirror on a private network. Of an origin that a client named
 * (an archive, apt's way) only those hosts are trusted that a configured origin of the cache has too.
 */
import type { CacheConfig, Config, Origin } from '../config/config';
import { portOf, type Standing } from './address';
import { homeOf, homesOf, type Home } from './mirrors';

export interface Standings {
  /** Whether the configuration has this very origin; else a client named it. */
  isConfigured(origin: Origin): boolean;
  /** Of a URL that is asked for on behalf of an origin with these homes. */
  of(origin: Origin, homes: readonly Home[], url: URL): Standing;
  /** Of a host that a client names without an origin (CONNECT). */
  ofHost(hostname: string, port: number): Standing;
}

/** @param cache whose origins count; unless given those of every cache */
export function createStandings(config: Config, cache?: CacheConfig): Standings {
  const caches = cache ? [cache] : config.caches;
  const origins = new Set(caches.flatMap((each) => each.origins));
  // Not before it is needed: the default registry's address comes from a library that takes a while to load.
  let known: readonly Home[] | undefined;
  const configured = (): readonly Home[] => (known ??= [...origins].flatMap((origin) => homesOf(origin)));
  const isConfigured = (origin: Origin): boolean => origins.has(origin);

  return {
    isConfigured,
    of(origin, homes, url) {
      const own = isConfigured(origin) ? homes : homes.filter((home) => homeOf(configured(), home.url) !== undefined);
      return { trusted: homeOf(own, url) !== undefined, peers: own.map((home) => ({ host: home.url.hostname, port: portOf(home.url) })) };
    },
    ofHost: (hostname, port) => ({
      trusted: configured().some(({ url }) => url.hostname === hostname && portOf(url) === port),
      peers: [],
    }),
  };
}
