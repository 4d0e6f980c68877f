/** Which header fields of a request that is passed on reach the upstream, and which of its answer reach the client. Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { OF_ONE_HOP } from '../rfc9111/message';

/** For one connection only. */
const HOP_BY_HOP = [...OF_ONE_HOP, 'trailer'];
/** For this cache, or about the client's way to it. `expect` was answered here. */
const OURS = [
  'cookie',
  'cookie2',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-prefix',
  'x-forwarded-port',
  'x-real-ip',
  // With these some servers do something else than what was asked, and judged, here.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
];
/** Where clients put credentials. */
const CREDENTIALS = ['authorization', 'npm-otp', 'x-npm-token'];
/** How long a body is, and whose it is: were these gone because Connection named them, the message would be another one. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'host', 'via']);
/** Of a body that does not go along. */
const BODY = ['content-length', 'transfer-encoding', 'content-type', 'content-encoding'];
/** What a client must not be sent: cookies of the upstream, and promises about its own host. */
const NOT_RETURNED = [
  'set-cookie',
  'set-cookie2',
  'alt-svc',
  'strict-transport-security',
  'npm-notice',
  'transfer-encoding',
  'x-cache',
  'cache-status',
];

export interface Passport {
  /** Whether the client's credentials stay here. */
  readonly strip: boolean;
  /** The origin's own Authorization; the client's, if it is not stripped, comes first. */
  readonly authorization: string | undefined;
  /** Whether no body goes along. */
  readonly bodyless: boolean;
  /** What we add to Via. */
  readonly via: string;
}

/** A request's fields for the upstream. */
export function forUpstream(given: IncomingHttpHeaders, { strip, authorization, bodyless, via }: Passport): IncomingHttpHeaders {
  const headers = { ...given };
  const left = [...HOP_BY_HOP, ...OURS, ...named(given.connection), ...(strip ? CREDENTIALS : []), ...(bodyless ? BODY : [])];
  for (const name of left) delete headers[name];
  if (authorization !== undefined && headers.authorization === undefined) headers.authorization = authorization;
  headers.via = given.via === undefined ? via : `${given.via}, ${via}`;
  return headers;
}

/** An answer's fields for the client, from and as the flat list that Node has. */
export function forClient(raw: readonly string[]): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...NOT_RETURNED]);
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (raw[i]?.toLowerCase() === 'connection') for (const name of named(raw[i + 1])) dropped.add(name);
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    if (!dropped.has(name.toLowerCase())) kept.push(name, raw[i + 1] as string);
  }
  return kept;
}

/** The fields that a Connection field names, without those that no connection can claim. */
function named(connection: string | undefined): string[] {
  return (connection ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !FRAMING.has(name));
}
