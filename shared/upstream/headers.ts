/** Header fields on their way out and back: what belongs to one connection only does not pass. */
import { OF_ONE_HOP } from '../rfc9111/message';

const HOP_BY_HOP: ReadonlySet<string> = new Set([...OF_ONE_HOP, 'trailer', 'transfer-encoding']);
const COOKIES = new Set(['set-cookie', 'set-cookie2']);
/** What describes the body is not removed even if Connection names it: it would make the body unreadable or unlimited. */
const DESCRIBES_BODY = new Set(['content-length', 'content-range', 'content-type', 'content-encoding', 'cache-control', 'etag', 'vary']);
/** Fields of which there can be only one: the first counts. */
const SINGLE = new Set(['content-type', 'content-range', 'date', 'etag', 'expires', 'last-modified', 'location', 'retry-after', 'age']);
/** What a request may still carry when it is sent on to a host that nobody gave credentials for. */
const FOR_STRANGERS = new Set([
  'accept',
  'accept-encoding',
  'user-agent',
  'via',
  'range',
  'if-range',
  'if-none-match',
  'if-modified-since',
  'cache-control',
]);

/** Response fields from node's raw list: lower-case names, hop-by-hop fields and cookies removed, values that can be sent again. */
export function responseHeaders(raw: readonly string[]): Record<string, string> {
  const fields: (readonly [string, string])[] = [];
  const dropped = new Set<string>();
  for (let n = 0; n + 1 < raw.length; n += 2) {
    const name = (raw[n] as string).toLowerCase();
    const value = raw[n + 1] as string;
    fields.push([name, value]);
    if (name === 'connection') for (const token of value.toLowerCase().split(',')) dropped.add(token.trim());
  }
  const headers: Record<string, string> = Object.create(null) as Record<string, string>; // `__proto__` is a legal field name
  for (const [name, value] of fields) {
    if (HOP_BY_HOP.has(name) || COOKIES.has(name) || (dropped.has(name) && !DESCRIBES_BODY.has(name))) continue;
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) continue;
    const clean = sendable(value);
    const before = headers[name];
    if (before === undefined) headers[name] = clean;
    else if (!SINGLE.has(name) && name !== 'content-length') headers[name] = `${before}, ${clean}`;
  }
  return headers;
}

/** A value without control characters, as a field line may carry it (RFC 9110 §5.5). */
function sendable(value: string): string {
  // eslint-disable-next-line no-control-regex
  return value.replace(/[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/g, ' ').trim();
}

export interface OwnFields {
  readonly userAgent: string;
  /** What we add to Via, e.g. `1.1 larder-x`. */
  readonly via: string;
  /** Authorization of the origin for this host, if any. */
  readonly authorization?: string | undefined;
  /** False once a redirect has left the origin's hosts. */
  readonly sameHost: boolean;
}

/** Request fields to send: the caller's, without those of a connection, and ours. */
export function requestHeaders(given: Readonly<Record<string, string>>, own: OwnFields): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': own.userAgent, 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(given)) {
    if (HOP_BY_HOP.has(name) || name === 'host' || name === 'expect') continue;
    if (!own.sameHost && !FOR_STRANGERS.has(name)) continue;
    headers[name] = value;
  }
  headers['via'] = headers['via'] === undefined ? own.via : `${headers['via']}, ${own.via}`;
  if (own.authorization !== undefined && own.sameHost && headers['authorization'] === undefined)
    headers['authorization'] = own.authorization;
  return headers;
}
