/** Settings that are allowed, but that somebody should know of when a cache starts. */
import type { CacheConfig, Config } from './config';

export interface Warning {
  /** Name of the log event. */
  readonly event: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** One line of the log each. */
export function startWarnings(config: Config, cache: CacheConfig): readonly Warning[] {
  const isOpen = cache.hosts === 'any' && config.listen.some((address) => !/^(?:127\.|::1$)/.test(address));
  if (!isOpen) return [];
  const setting = `${cache.name.toUpperCase()}_HOSTS`;
  const reason = 'clients beyond this machine may fetch from any public archive through this cache';
  return [{ event: 'open-to-any-archive', facts: { cache: cache.name, reason, remedy: `list the archives in ${setting}` } }];
}
