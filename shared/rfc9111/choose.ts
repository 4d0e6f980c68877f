/** Which of the stored responses answers a request, RFC 9111 §4. */
import { dateMs } from './freshness';
import type { CacheRequest, StoredResponse } from './message';
import { selects } from './vary';

export interface Choice {
  readonly chosen?: StoredResponse | undefined;
  /** Why nothing could be chosen, in words of Cache-Status (RFC 9211 §2.2). */
  readonly miss?: 'method' | 'uri-miss' | 'vary-miss' | undefined;
}

/** The first three requirements of RFC 9111 §4: target URI, method, and the fields that Vary names. */
export function couldBeChosen(request: CacheRequest, stored: StoredResponse): boolean {
  return isOfMethod(request, stored) && stored.url === request.url && selects(request, stored);
}

/** @param stored those of the request's URL; the most recent that matches is chosen (RFC 9111 §4, §4.1) */
export function choose(request: CacheRequest, stored: readonly StoredResponse[]): Choice {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { miss: 'method' };
  const ofUrl = stored.filter((one) => one.url === request.url && isOfMethod(request, one));
  if (ofUrl.length === 0) return { miss: 'uri-miss' };
  const matching = ofUrl.filter((one) => selects(request, one));
  // A default response that forgot Vary matches everybody: those that say what they vary by are meant (§4.1).
  const varying = matching.filter((one) => Object.keys(one.selecting).length > 0);
  const chosen = (varying.length > 0 ? varying : matching).reduce<StoredResponse | undefined>(
    (best, one) => (best === undefined || isNewer(one, best) ? one : best),
    undefined,
  );
  return chosen === undefined ? { miss: 'vary-miss' } : { chosen };
}

/** What a GET brought also answers a HEAD (RFC 9110 §9.3.2). */
function isOfMethod(request: CacheRequest, stored: StoredResponse): boolean {
  return stored.method === request.method || (stored.method === 'GET' && request.method === 'HEAD');
}

function isNewer(one: StoredResponse, other: StoredResponse): boolean {
  return dateMs(one) - dateMs(other) > 0 || (dateMs(one) === dateMs(other) && one.responseTimeMs > other.responseTimeMs);
}
