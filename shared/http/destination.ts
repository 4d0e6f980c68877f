/** What a request is for: a target below one of our own names, at a registry in forward-proxy form, or at an archive that the client names. */
import { matchRoute, mountOf, type Module, type Route } from '../../caches/module';
import type { CacheConfig, Origin } from '../config/config';
import type { EngineRequest } from '../engine/answer';
import { LarderError } from '../errors';
import type { Archives } from './archives';
import type { Bases } from './bases';
import type { RequestFacts } from './request-facts';
import type { Target } from './target';

export interface Destination {
  readonly base: string;
  readonly target: string;
  /** Whose target it is, if that is decided; else the engine looks for a name in it. */
  readonly origin?: Origin;
  /** What the client calls the registry, if that is not below `base`. */
  readonly documentBase?: string;
}

export interface DestinationRooms {
  readonly cache: CacheConfig;
  readonly module: Module;
  readonly bases: Bases;
  /** For modules whose clients name the archive. */
  readonly archives?: Archives;
}

/** Whether the target is in absolute form and names somebody else than this cache. */
export function isForeign({ bases, archives }: DestinationRooms, { absolute }: Target): boolean {
  if (!absolute) return false;
  // `localhost` is a name of ours, but an archive may be there too, on port 80.
  if (archives) return archives.isConfigured(absolute.scheme, absolute.host) || !bases.isHere(absolute.host);
  return !bases.accepts(absolute.host);
}

/** @throws LarderError bad-target | misdirected | not-found | target-refused */
export function destinationOf(rooms: DestinationRooms, facts: RequestFacts, target: Target, trusted: boolean): Destination {
  const { archives } = rooms;
  if (isForeign(rooms, target)) {
    // Host is the archive's here and means nothing (RFC 9112 §3.2.2), but two of them mean smuggling.
    if (facts.hostTwice) throw new LarderError('bad-target', { reason: 'it has two Host fields' });
    if (!archives) return proxied(rooms, target);
    const base = `${target.absolute?.scheme}://${target.absolute?.host}`;
    return { ...archives.resolve(target, true), base, documentBase: base };
  }
  const base = baseOf(rooms, facts, target, trusted);
  return archives ? { ...archives.resolve(target, false), base } : { target: target.path, base };
}

/** Under which URL a client that names this cache sees it. @throws LarderError bad-target | misdirected */
export function baseOf({ bases }: DestinationRooms, facts: RequestFacts, target: Target, trusted: boolean): string {
  return bases.of(target.absolute ? { ...facts, host: target.absolute.host } : facts, trusted);
}

/** A plain forward-proxy request for a registry of ours: documents keep that registry's address. */
function proxied({ cache, module }: DestinationRooms, { absolute, path }: Target): Destination {
  const host = absolute?.host ?? '';
  const refusal = new LarderError('target-refused', {
    host,
    reason: 'it is no registry of this cache',
    remedy: `name it in UPSTREAM_${cache.name} or UPSTREAM_${cache.name}_<name>`,
  });
  if (!module.forwardProxy) throw refusal;
  let found: { prefix: string; mount: string } | undefined;
  for (const origin of cache.origins) {
    for (const base of origin.bases) {
      const url = new URL(base);
      const prefix = url.pathname.replace(/\/$/, '');
      if (hostOf(url.host) !== hostOf(host) || !(path === prefix || path.startsWith(`${prefix}/`))) continue;
      // Of registries on one host, one below the other, the deeper one is meant.
      if (found === undefined || prefix.length > found.prefix.length)
        found = { prefix, mount: origin === cache.origins[0] ? '' : mountOf(module, origin.name) };
    }
  }
  if (!found) throw refusal;
  const base = `http://${host}${found.prefix}`;
  return { base, documentBase: base, target: found.mount + (path.slice(found.prefix.length) || '/') };
}

/** The route of a request, if there is one; for what depends on no more than that. */
export function routeOf(module: Module, cache: CacheConfig, { method, origin, target }: EngineRequest): Route | undefined {
  const mounts = origin ? [] : cache.origins.slice(1).map(({ name }) => mountOf(module, name));
  const mount = mounts.find((each) => target.startsWith(`${each}/`)) ?? '';
  return matchRoute(module, method, target.slice(mount.length)).route;
}

/** Host without the default port: clients drop it, operators may write it. */
function hostOf(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)$/, '');
}
