/** Names of our units, by cache; the templates in socket-activation/ name them too. */

/** What all caches share. */
export const HOUSEKEEPING: readonly string[] = ['larder-housekeeping.service', 'larder-housekeeping.timer'];

const OF_CONTAINER = '-container.service';

/** What listens for a cache. */
export function socketOf(cache: string): string {
  return `cache-${cache}.socket`;
}

/** What the socket starts: the cache, or the way to its container. */
export function serviceOf(cache: string): string {
  return `cache-${cache}.service`;
}

/** What runs the container of a cache. */
export function containerServiceOf(cache: string): string {
  return `cache-${cache}${OF_CONTAINER}`;
}

/** Those of one cache, in whatever form. */
export function unitNamesOf(cache: string): string[] {
  return [socketOf(cache), serviceOf(cache), containerServiceOf(cache)];
}

/** Whether a unit has a name like ours. */
export function isUnitName(name: string): boolean {
  return /^(?:cache|larder)-.*\.(?:socket|service|timer)$/.test(name);
}

/** Whether it is one of `serviceOf` or `containerServiceOf`. */
export function isCacheService(name: string): boolean {
  return /^cache-.*\.service$/.test(name);
}

/** Whether it is one of `containerServiceOf`. */
export function isContainerService(name: string): boolean {
  return name.endsWith(OF_CONTAINER);
}
