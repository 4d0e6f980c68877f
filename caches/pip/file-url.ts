/** URLs of files as pages give them. */
import { canonicalPath } from '../parsers/escapes';

export interface FileUrl {
  /** Absolute, with query, without fragment and credentials. */
  readonly href: string;
  /** Host, and port if it is not the scheme's own. */
  readonly host: string;
  readonly pathname: string;
  /** What stands behind `#`; '' if nothing. */
  readonly fragment: string;
}

/** Absolute URLs that the URL parser would leave as they are. Segments do not begin with a dot or an escape, so none is a dot segment. */
const PLAIN = /^https?:\/\/((?:[a-z\d-]+\.)*[a-z][a-z\d-]*)((?:\/[\w~+@-][\w.~+@%-]*)+)$/;

/** @returns undefined if it is no URL, or of another scheme than http and https: no client may be sent there */
export function resolveFileUrl(reference: string, base: string): FileUrl | undefined {
  const hash = reference.indexOf('#');
  const address = hash < 0 ? reference : reference.slice(0, hash);
  const fragment = hash < 0 ? '' : reference.slice(hash + 1).trim();
  const plain = PLAIN.exec(address);
  if (plain) return { href: address, host: plain[1] ?? '', pathname: plain[2] ?? '', fragment };
  if (!URL.canParse(address, base)) return undefined;
  const url = new URL(address, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  url.hash = '';
  url.username = '';
  url.password = '';
  return { href: url.href, host: url.host, pathname: url.pathname, fragment };
}

/** The last segment of a path, without escapes where they make sense. */
export function lastSegment(pathname: string): string {
  const segment = pathname.slice(pathname.lastIndexOf('/') + 1);
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * A canonical target with the escapes that its URL has (`%2B`): once its prefix is replaced, the URL in a lockfile is the upstream's own, and
 * some upstreams take a bare `+` for a space.
 */
export function asWritten(target: string, url: string): string {
  if (!url.includes('%')) return target;
  const end = url.indexOf('?');
  const written = charactersOf(end < 0 ? url : url.slice(0, end))
    .slice(-charactersOf(target).length)
    .join('');
  return canonicalPath(written) === target ? written : target;
}

/** Of an ASCII path; an escape is one. */
function charactersOf(path: string): readonly string[] {
  return path.match(/%[\dA-Fa-f]{2}|[^]/g) ?? [];
}
