/** Requests that a cache sends inbound: forwarded, validating, completing. RFC 9111 §4.3.1, RFC 9110 §7.6.1. */
import { firstOf, linesOf, without } from './field-lines';
import type { ByteRange, CacheRequest, Fields, StoredResponse } from './message';
import { endToEnd } from './stored-fields';
import { entityTag, strongValidator } from './validators';

const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'];

/** Nothing is stored: the client's conditions and Range are for the origin (RFC 9111 §4.3.2). Host is the business of who connects. */
export function forwardedFields(request: CacheRequest): Fields {
  return without(endToEnd(request.fields), new Set(['host']));
}

/**
 * The client's request with the validators of what is stored in place of his own conditions, which are judged when the answer is there (answerOf).
 * @param stored whole ones, or parts that have what Range asks for @returns without conditions where nothing stored has a validator
 */
export function validationFields(request: CacheRequest, stored: readonly StoredResponse[]): Fields {
  const tags = stored.map(({ fields }) => entityTag(fields)).filter((tag) => tag !== undefined);
  const modified = stored.length === 1 && stored[0] ? firstOf(stored[0].fields, 'last-modified') : undefined;
  // Of a part that changed the same part is wanted anew; If-Range spoke of the client's part, so there all of it is.
  const keepsRange = stored.some(({ held }) => held !== undefined) && linesOf(request.fields, 'if-range').length === 0;
  const bare = without(forwardedFields(request), new Set([...CONDITIONS, ...(keepsRange ? [] : ['range'])]));
  return [
    ...bare,
    ...(tags.length > 0 ? [['If-None-Match', [...new Set(tags)].join(', ')] as const] : []),
    ...(modified !== undefined && !keepsRange ? [['If-Modified-Since', modified] as const] : []),
  ];
}

/**
 * Asks for more of what is held in part (RFC 9111 §3.3).
 * @param range `last` Infinity: to the end @returns undefined: no strong validator, so that parts could not be joined
 */
export function completionFields(request: CacheRequest, stored: StoredResponse, range: ByteRange): Fields | undefined {
  const validator = strongValidator(stored);
  if (validator === undefined) return undefined;
  const bare = without(forwardedFields(request), new Set([...CONDITIONS, 'range']));
  return [...bare, ['Range', `bytes=${range.first}-${range.last === Infinity ? '' : range.last}`], ['If-Range', validator]];
}
