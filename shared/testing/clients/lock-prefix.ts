import { registry } from './reachable';
import type { Client } from './clients';

/**
 * The documented substitution: in a lockfile that was written through the cache, the cache's base URL becomes the registry's. pnpm and
 * Yarn Berry write no host, so nothing changes there. bun leaves out a tarball's URL when it is the one that its built-in default registry
 * would have: such URLs are left out here too.
 */
export function withoutCache(lock: string, cacheUrl: string, client: Client): string {
  const replaced = lock.replaceAll(cacheUrl, registry.url);
  return client.lockfile === 'bun.lock' ? replaced.replace(bunUrl, (_whole, entry: string) => `${entry}""`) : replaced;
}

/** The way back: the registry's base URL becomes the cache's. Yarn 1 goes where its lockfile says, whatever registry is configured. */
export function throughCache(lock: string, cacheUrl: string): string {
  return lock.replaceAll(registry.url, cacheUrl);
}

/** `["name@version", "<registry>…tgz"`: the URL of a package in a bun.lock. */
const bunUrl = new RegExp(`(\\["(?:@[^/"]+/)?[^@"]+@[^"]+", )"${registry.url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[^"]+\\.tgz"`, 'g');
