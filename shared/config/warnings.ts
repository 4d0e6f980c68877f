/** Settings that are allowed, but that somebody should know of when a cache starts. */
import { isIPv6, SocketAddress } from 'node:net';
import type { CacheConfig, Config } from './config';
import { isLoopback } from './places';

export interface Warning {
  /** Name of the log event. */
  readonly event: string;
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * One line of the log each.
 * @param inherited where the sockets listen that were handed over, if some were: they are as the settings were when they were installed
 */
export function startWarnings(
  config: Config,
  cache: CacheConfig,
  inherited?: ReadonlyArray<{ readonly address: string; readonly port: number }>,
): readonly Warning[] {
  const warnings: Warning[] = [];
  const isOpen = cache.hosts === 'any' && !config.listen.every(isLoopback);
  if (isOpen) {
    const setting = `${cache.name.toUpperCase()}_HOSTS`;
    const reason = 'clients beyond this machine may fetch from any public archive through this cache';
    warnings.push({ event: 'open-to-any-archive', facts: { cache: cache.name, reason, remedy: `list the archives in ${setting}` } });
  }
  const real = inherited && listed(inherited);
  const settings = listed(config.listen.map((address) => ({ address, port: cache.port })));
  if (real !== undefined && real !== settings)
    warnings.push({ event: 'sockets-differ', facts: { cache: cache.name, listening: real, settings, remedy: 'make install-sockets' } });
  return warnings;
}

function listed(places: ReadonlyArray<{ readonly address: string; readonly port: number }>): string {
  const texts = places.map(
    ({ address, port }) => (isIPv6(address) ? `[${new SocketAddress({ address, family: 'ipv6' }).address}]` : address) + `:${port}`,
  );
  return [...new Set(texts)].sort().join(' ');
}
