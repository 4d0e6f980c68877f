/** Where containers find the caches of this machine. */
import { networkInterfaces } from 'node:os';
import type { CacheConfig, Config } from '../../config/config';
import { isLoopback } from '../../config/places';
import { LarderError } from '../../errors';
import { reachable } from '../context';

const ANY = ['0.0.0.0', '::'];

/** The name under which a cache may be known: `cache-npm.srv`. */
export function nameOf(config: Config, cache: CacheConfig): string {
  return `cache-${cache.name}.${config.domain}`;
}

/** Whether the caches listen on this machine's loopback alone, and nothing says that they can be reached otherwise. */
export function isLocalOnly(config: Config): boolean {
  return config.serviceIp === undefined && config.listen.every(isLoopback);
}

/**
 * Addresses of this machine by which others reach the caches, the best first: SERVICE_IP, else those of GLOBAL_IP that are no loopback.
 * @param gateway address of this machine that a container network has, for 0.0.0.0 @returns [] if there are none
 */
export function outerAddresses(config: Config, gateway?: string): readonly string[] {
  if (config.serviceIp !== undefined) return [config.serviceIp];
  const all = config.listen.flatMap((address) => (ANY.includes(address) ? [...(gateway ? [gateway] : []), ...ownAddresses()] : [address]));
  return [...new Set(all)].filter((address) => !isLoopback(address));
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address),
  );
}

/** URLs, without trailing slash, at which a container might find a cache: by name first, which only counts where that resolves. */
export interface Places {
  /** Host of `byName`. */
  readonly name?: string;
  readonly byName?: string;
  readonly byAddress: readonly string[];
}

/** The page of a cache that says that it works. */
export function healthPage(base: string): string {
  return `${base}/_cache/health`;
}

/** It comes to stand in scripts of sh. */
function plain(cache: string, url: string): string {
  if (/^[\w.:/[\]%~+-]+$/.test(url)) return url;
  throw new LarderError('config', {
    name: `PUBLIC_URL_${cache}`,
    value: url,
    allowed: 'for images it may have no signs that mean something to a shell',
  });
}

/** @param gateway address of this machine in the containers' network: taken if nothing else is known, as it is what will have to be set */
export function placesOf(config: Config, cache: CacheConfig, gateway: string | undefined): Places {
  if (cache.publicUrl !== undefined) return { byAddress: [plain(cache.name, cache.publicUrl)] };
  const outer = outerAddresses(config, gateway);
  const name = nameOf(config, cache);
  const addresses = outer.length === 0 && gateway !== undefined ? [gateway] : outer;
  return {
    name,
    byName: `http://${name}:${cache.port}`,
    byAddress: addresses.map((address) => `http://${reachable(address)}:${cache.port}`),
  };
}
