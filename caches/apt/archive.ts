/**
 * Which archive a client means: an absolute target of a proxy request, `/<host>/<path>`, or apt-cacher-ng's mark `HTTPS///`, which stands
 * for https where a proxy would only see a tunnel. Hosts are only read here; whether they are allowed is judged before they are asked.
 */
import type { Archive } from '../module';

const LABEL = '[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?';
/** Name or IPv4 address, or bracketed IPv6 address; then perhaps a port. No escapes, no user information, no zones. */
const AUTHORITY = new RegExp(`^(?<name>${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]{2,45}\\])\\.?(?::(?<port>\\d{1,5}))?$`, 'i');
/** The mark as first segment, before anything is collapsed. */
const MARKED = /^\/{1,3}https\/{1,3}(?=[^/])/i;
/** The mark as host of an absolute target. */
const MARK_HOST = /^https(?::\d{1,5})?$/i;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** See Module.archive. Never throws. */
export function archiveOf(rawPath: string, absolute: { readonly scheme: string; readonly host: string } | undefined): Archive | undefined {
  if (!absolute) {
    const marked = MARKED.exec(rawPath);
    if (marked) return firstSegment('https', rawPath.slice(marked[0].length), false);
    return rawPath.startsWith('/') ? firstSegment('http', rawPath.replace(/^\/+/, ''), true) : undefined;
  }
  if (MARK_HOST.test(absolute.host))
    return /^\/{1,3}(?=[^/])/.test(rawPath) ? firstSegment('https', rawPath.replace(/^\/+/, ''), false) : undefined;
  const scheme = absolute.scheme.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  const host = hostOf(absolute.host, scheme);
  return host === undefined ? undefined : { scheme, host, target: collapsed(rawPath) };
}

/** @param clear whether the host has to look like one, so that the names of origins are none */
function firstSegment(scheme: Archive['scheme'], rest: string, clear: boolean): Archive | undefined {
  const end = rest.search(/[/?#]/);
  // `/robots.txt` is no host: a path has to follow.
  if (end < 0 || rest[end] !== '/') return undefined;
  const authority = rest.slice(0, end);
  if (MARK_HOST.test(authority) || (clear && !/[.:]/.test(authority))) return undefined;
  const host = hostOf(authority, scheme);
  return host === undefined ? undefined : { scheme, host, target: collapsed(rest.slice(end)) };
}

/** `host` or `host:port`, lower case, without the scheme's own port and the root's dot. */
function hostOf(authority: string, scheme: Archive['scheme']): string | undefined {
  const { name, port } = AUTHORITY.exec(authority)?.groups ?? {};
  if (name === undefined || (name.startsWith('[') && !name.includes(':', 1))) return undefined;
  const number = Number(port ?? DEFAULT_PORTS[scheme]);
  if (number < 1 || number > 65_535) return undefined;
  const host = number === DEFAULT_PORTS[scheme] ? name.toLowerCase() : `${name.toLowerCase()}:${number}`;
  // `a.80` and `[1::2::3]` look like hosts and are none.
  return URL.canParse(`${scheme}://${host}/`) ? host : undefined;
}

/**
 * One leading slash, no empty segments and no `.`: apt asks for `<base>/./InRelease` where a flat repository's line says `./`.
 * Climbing ones stay, and are refused like everywhere.
 */
function collapsed(raw: string): string {
  const query = raw.indexOf('?');
  const path = (query < 0 ? raw : raw.slice(0, query)).replace(/\/(?:\.?\/)+/g, '/');
  const whole = query < 0 ? path : path + raw.slice(query);
  return whole.startsWith('/') ? whole : `/${whole}`;
}
