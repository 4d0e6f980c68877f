/** The request target: one place where it is checked and brought into one form, for every ecosystem. Pure. */
import { LarderError } from '../errors';

/** Longest target; the longest real ones (npm search) are below 1 KB. */
const MOST_BYTES = 8 * 1024;

export interface Target {
  /** Raw path and query, beginning with one `/`, duplicate slashes collapsed. */
  readonly path: string;
  /** The same as it was sent: apt-cacher-ng's form of https archives (`/HTTPS///host/…`) is told by its slashes. */
  readonly raw: string;
  /** The path was sent with segments that are gone in `path`: empty ones (`//`), or dots where they may be. */
  readonly collapsed: boolean;
  /** Scheme and authority of an absolute-form target (RFC 9112 §3.2.2), lower case. */
  readonly absolute?: { readonly scheme: string; readonly host: string };
}

/**
 * @param dotted segments that are a plain `.` are dropped like empty ones: apt asks for `<base>/./InRelease` where a line of its sources says `./`
 * @throws LarderError bad-target
 */
export function parseTarget(sent: string, dotted = false): Target {
  const absolute = /^(https?):\/\/([^/?#]+)([/?#].*)?$/i.exec(sent);
  const rest = absolute ? (absolute[3] ?? '') || '/' : sent;
  const raw = absolute && rest.startsWith('?') ? `/${rest}` : rest;
  refuseOdd(sent);
  const path = cleanTarget(raw, dotted);
  const target = { path, raw, collapsed: path.length !== raw.length };
  if (!absolute) return target;
  return { ...target, absolute: { scheme: (absolute[1] ?? '').toLowerCase(), host: (absolute[2] ?? '').toLowerCase() } };
}

/**
 * Checks a raw path and query, wherever it comes from, and collapses duplicate slashes of its path.
 * @throws LarderError bad-target | target-climbs
 */
export function cleanTarget(raw: string, dotted = false): string {
  refuseOdd(raw);
  if (!raw.startsWith('/')) throw bad('it does not begin with /');
  const queryAt = raw.indexOf('?');
  const path = (queryAt < 0 ? raw : raw.slice(0, queryAt)).replace(dotted ? /\/(?:\.?\/)+/g : /\/{2,}/g, '/');
  if (path.includes('#')) throw bad('it has a fragment');
  // Dot segments, also escaped ones and those with parameters (which some servers drop), never belong to a package: refused instead of
  // resolved. To a client it is a name that does not exist.
  for (const segment of path.split(/\/|%2f/i)) if (/^(?:\.|%2e){1,2}(?:;|%3b|$)/i.test(segment)) throw new LarderError('target-climbs');
  return queryAt < 0 ? path : path + raw.slice(queryAt);
}

function refuseOdd(raw: string): void {
  if (raw.length > MOST_BYTES) throw bad('it is longer than 8 KiB');
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u0020\u007f-\uffff\\]/.test(raw)) throw bad('it has a character that does not belong there');
  if (/%00|%0[ad]|%5c/i.test(raw)) throw bad('it has an escaped NUL, line break or backslash');
}

function bad(reason: string): LarderError {
  return new LarderError('bad-target', { reason });
}
