/** Where the bytes of a file are, if the upstream's answer is only a stub whose header names the place (`pointer` in the contract). */
import type { ImmutableRoute } from '../../../caches/module';
import { HostList } from '../../config/host-list';
import { LarderError } from '../../errors';
import type { UpstreamResponse } from '../../upstream/types';
import { hostOf } from '../bodies/head';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

export interface Pointed {
  /** Canonical path at the plan's origin, or an absolute URL. */
  readonly path: string;
  /** What the place promises of its bytes, as SRI. */
  readonly integrity: string;
}

/**
 * @returns undefined if this is the file itself
 * @throws LarderError upstream-failed: it names no place of bytes, or a host that stubs may not name
 */
export function pointedAt({ cache }: EngineRooms, { route, path }: Plan, response: UpstreamResponse): Pointed | undefined {
  const { pointer } = route as ImmutableRoute;
  const place = pointer && response.headers[pointer.header];
  if (place === undefined) return undefined;
  const fail = (reason: string): LarderError => new LarderError('upstream-failed', { host: hostOf(response.base), reason, target: path });
  const integrity = pointer?.integrity(place);
  if (integrity === undefined) throw fail('its stub names no place of bytes');
  if (place.startsWith('/')) return { path: place, integrity };
  const url = new URL(place);
  const own = cache.origins.flatMap(({ bases }) => bases).some((base) => new URL(base).host === url.host);
  if (!own && !new HostList(cache.fileHosts ?? []).has(url))
    throw fail(`its stub names ${url.host}, which is not allowed: see FILE_HOSTS_${cache.name}`);
  return { path: place, integrity };
}

/** What a URL that the upstream redirected to promises of its bytes. */
export function promisedBy({ route }: Plan, url: string): string | undefined {
  return (route as ImmutableRoute).pointer?.integrity(url);
}
