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

/** URL of a canonical path at a base (no trailing slash), where a module says that it is not base + path. */
export type Address = (base: string, path: string) => string;

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
 * @param path canonical path, or an absolute URL; one that is some path at a base is asked of every mirror, that base first
 * @throws LarderError bad-target (not http, or climbs out of the base)
 */
export function candidatesFor(homes: readonly Home[], path: string, address?: Address): readonly Candidate[] {
  if (path.startsWith('/')) return homes.map((home) => ({ base: home.base, url: at(home, path, address) }));
  if (!URL.canParse(path)) throw new LarderError('bad-target', { reason: 'it is neither a path nor a URL' });
  const url = new URL(path);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new LarderError('bad-target', { reason: `${url.protocol} is not fetched` });
  url.username = '';
  url.password = '';
  url.hash = '';
  for (const home of homes) {
    const rest = home.url.origin === url.origin ? pathAt(home, url, address) : undefined;
    if (rest === undefined) continue;
    return [home, ...homes.filter((each) => each !== home)].map((each) => ({ base: each.base, url: at(each, rest, address) }));
  }
  return [{ base: homeOf(homes, url)?.base ?? url.origin, url }];
}

/**
 * The canonical path that this URL is the address of at a home on its host, if any. What a module's `address` does cannot be asked
 * backwards: the likely paths (below the base, below its folder, of the whole host) are tried forwards.
 */
function pathAt(home: Home, url: URL, address: Address | undefined): string | undefined {
  const starts = address ? [prefixOf(home), folderOf(home), '/'] : [prefixOf(home)];
  const paths = starts.filter((start) => url.pathname.startsWith(start)).map((start) => url.pathname.slice(start.length - 1) + url.search);
  return paths.find((path) => {
    try {
      return at(home, path, address).href === url.href;
    } catch {
      return false;
    }
  });
}

/** The base's path with one slash at its end. */
function prefixOf(home: Home): string {
  return `${home.url.pathname.replace(/\/$/, '')}/`;
}

/** The folder that the base stands in: `/a/` of `/a/simple`, `/` of a bare host. */
function folderOf(home: Home): string {
  const base = prefixOf(home).slice(0, -1);
  return base.slice(0, base.lastIndexOf('/') + 1) || '/';
}

/** `.` and `..` as the URL parser takes them, and the backslash that it takes for a slash. */
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)|\\/i;

function at(home: Home, path: string, address: Address | undefined): URL {
  const { origin } = home.url;
  const text = address?.(home.base, path) ?? origin + prefixOf(home).slice(0, -1) + path;
  const outside = new LarderError('bad-target', { reason: 'it climbs out of its base' });
  if (!text.startsWith(`${origin}/`) || !URL.canParse(text)) throw outside;
  const url = new URL(text);
  url.hash = '';
  // `..`, also as %2e%2e, would reach what the operator did not name. Where a module says what lies where, it may mean what lies beside
  // the base (an index's files do), but what it is given must not climb: the parser's result would not tell the one from the other.
  const isInside = address
    ? !DOT_SEGMENT.test(text.slice(origin.length).split(/[?#]/, 1)[0] ?? '')
    : url.pathname.startsWith(prefixOf(home));
  if (!isInside) throw outside;
  return url;
}
