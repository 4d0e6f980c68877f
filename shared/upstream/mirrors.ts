/** Which URLs stand for a request: one for each mirror of the origin, or the one that a document names. Pure. */
import type { Origin } from '../config/config';
import { LarderError } from '../errors';
import { basicOf } from './agents';

/** A host that belongs to the origin. */
export interface Home {
  /** The base as configured, without credentials: the mirror's name in results, health and `skip`. */
  readonly base: string;
  readonly url: URL;
  readonly authorization: string | undefined;
}

/** One way to ask. */
export interface Candidate {
  readonly base: string;
  readonly url: URL;
}

/** The origin's bases, taken apart. */
export function homesOf(origin: Origin): readonly Home[] {
  return origin.bases.map((each) => {
    const url = new URL(each);
    const authorization = basicOf(url) ?? origin.authorization;
    url.username = '';
    url.password = '';
    return { base: url.href.replace(/\/$/, ''), url, authorization };
  });
}

/** The home on the same scheme, host and port, if any. */
export function homeOf(homes: readonly Home[], url: URL): Home | undefined {
  return homes.find((home) => home.url.origin === url.origin);
}

/**
 * @param path target below each base, or an absolute URL; one that lies below a base is asked of every mirror, that base first
 * @throws LarderError bad-target (not http, or climbs out of the base)
 */
export function candidatesFor(homes: readonly Home[], path: string): readonly Candidate[] {
  if (path.startsWith('/')) return homes.map((home) => ({ base: home.base, url: below(home, path) }));
  if (!URL.canParse(path)) throw new LarderError('bad-target', { reason: 'it is neither a path nor a URL' });
  const url = new URL(path);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new LarderError('bad-target', { reason: `${url.protocol} is not fetched` });
  url.username = '';
  url.password = '';
  url.hash = '';
  const home = homes.find((each) => each.url.origin === url.origin && url.pathname.startsWith(prefixOf(each)));
  if (!home) return [{ base: homeOf(homes, url)?.base ?? url.origin, url }];
  const rest = url.pathname.slice(prefixOf(home).length - 1) + url.search;
  return [home, ...homes.filter((each) => each !== home)].map((each) => ({ base: each.base, url: below(each, rest) }));
}

/** The base's path with one slash at its end. */
function prefixOf(home: Home): string {
  return `${home.url.pathname.replace(/\/$/, '')}/`;
}

function below(home: Home, path: string): URL {
  const url = new URL(home.url.origin + prefixOf(home).slice(0, -1) + path);
  // `..`, also as %2e%2e, would reach what the operator did not name.
  if (!url.pathname.startsWith(prefixOf(home))) throw new LarderError('bad-target', { reason: 'it climbs out of its base' });
  url.hash = '';
  return url;
}
