/** Where a redirect leads, and how it is asked there. Pure. */
import { LarderError } from '../errors';

/** Followed at most. */
export const MAX_REDIRECTS = 5;

/** Whether a status leads elsewhere (RFC 9110 §15.4); 300 and 304 do not. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/**
 * The next URL, without credentials and fragment.
 * @throws LarderError upstream-failed (no or unusable Location, other scheme, from https to http)
 */
export function nextUrl(from: URL, location: string | undefined): URL {
  const fail = (reason: string): LarderError => new LarderError('upstream-failed', { host: from.host, reason });
  if (location === undefined || location === '') throw fail('it redirects without saying where to');
  if (!URL.canParse(location, from.href)) throw fail('it redirects to something that is no URL');
  const next = new URL(location, from.href);
  if (next.protocol !== 'http:' && next.protocol !== 'https:') throw fail(`it redirects to ${next.protocol}`);
  if (from.protocol === 'https:' && next.protocol === 'http:') throw fail('it redirects from https to http');
  next.username = '';
  next.password = '';
  next.hash = '';
  return next;
}

/** RFC 9110 §15.4: 303 becomes GET; 301 and 302 do for POST, as everybody does it. */
export function nextMethod(status: number, method: string): string {
  if (status === 303) return method === 'HEAD' ? 'HEAD' : 'GET';
  return (status === 301 || status === 302) && method === 'POST' ? 'GET' : method;
}
