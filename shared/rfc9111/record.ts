/** The record of a stored response: made of what came, whole or in parts, and updated by what came later. RFC 9111 §3.1 to §3.4. */
import { contentRange, joined } from './byte-ranges';
import { firstOf, linesOf, without } from './field-lines';
import { RULES, type ByteRange, type CacheRequest, type Fields, type ReceivedResponse, type Rules, type StoredResponse } from './message';
import { fieldsToStore, updatedFields } from './stored-fields';
import { isSameContent } from './validators';
import { selectingFields } from './vary';

/** @param request as it was forwarded @param response storable() @returns `held` set for a 206, until all of it is held */
export function toStored(request: CacheRequest, response: ReceivedResponse, rules: Rules = RULES): StoredResponse {
  const part = response.status === 206 ? contentRange(response) : undefined;
  const fields = fieldsToStore(response, rules);
  const length = part === undefined ? contentLength(fields) : part.length;
  return withHeld(
    {
      method: request.method,
      url: request.url,
      // The reason says `Partial Content` where it is a part.
      ...(part === undefined ? { status: response.status, reason: response.reason } : { status: 200, reason: undefined }),
      fields,
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
      selecting: selectingFields(request, response.fields),
      trailers: response.trailers,
      length,
      isAuthorised: isAuthorised(request),
    },
    part === undefined ? undefined : [part.range],
  );
}

/** The content came whole. @param bytes its length */
export function completed(stored: StoredResponse, bytes: number): StoredResponse {
  return withHeld({ ...stored, length: bytes }, undefined);
}

/** The content ended early. @param bytes how much of it came @returns undefined: nothing of it may be kept (RFC 9111 §3.3) */
export function cutShort(stored: StoredResponse, bytes: number): StoredResponse | undefined {
  if (stored.method !== 'GET' || stored.status !== 200 || bytes === 0) return undefined;
  const first = stored.held?.[0]?.first ?? 0;
  return withHeld({ ...stored, trailers: undefined }, [{ first, last: first + bytes - 1 }]);
}

/**
 * Joins a 206 to what is held (RFC 9111 §3.4): same strong validator, same length.
 * @param part whole, as its Content-Range says @returns undefined: not of the same bytes, or not one range of them
 */
export function combine(
  request: CacheRequest,
  stored: StoredResponse,
  part: ReceivedResponse,
  rules: Rules = RULES,
): StoredResponse | undefined {
  const found = part.status === 206 ? contentRange(part) : undefined;
  if (found === undefined || stored.method !== 'GET' || stored.status !== 200 || !isSameContent(stored, part)) return undefined;
  if (found.length !== undefined && stored.length !== undefined && found.length !== stored.length) return undefined;
  const after = updated(request, { ...stored, length: stored.length ?? found.length }, part, rules);
  return withHeld(after, stored.held === undefined ? undefined : [...stored.held, found.range]);
}

/** What a newer response without content says of a stored one: 304, HEAD (RFC 9111 §3.2). Age counts from the newer one. */
export function updated(request: CacheRequest, stored: StoredResponse, newer: ReceivedResponse, rules: Rules = RULES): StoredResponse {
  const fields = updatedFields(stored.fields, newer, rules);
  const { requestTimeMs, responseTimeMs } = newer;
  const { invalid: _, ...kept } = stored;
  const times = { requestTimeMs, responseTimeMs };
  const selecting = selectingFields(request, fields);
  return { ...kept, ...times, fields, selecting, isAuthorised: stored.isAuthorised ?? isAuthorised(request) };
}

/** With Content-Length and without Content-Range, as the 200 would have been (RFC 9110 §15.3.7.3). */
function withHeld(stored: StoredResponse, ranges: readonly ByteRange[] | undefined): StoredResponse {
  const { held: _, ...rest } = stored;
  const held = ranges === undefined ? undefined : joined(ranges);
  const isWhole = held === undefined || (held.length === 1 && held[0]?.first === 0 && held[0].last + 1 === stored.length);
  const bare = without(stored.fields, new Set(ranges === undefined ? ['content-range'] : ['content-range', 'content-length']));
  const fields: Fields = ranges === undefined || stored.length === undefined ? bare : [...bare, ['Content-Length', String(stored.length)]];
  return isWhole ? { ...rest, fields } : { ...rest, fields, held };
}

/** @returns undefined rather than false: nothing to write down */
function isAuthorised(request: CacheRequest): true | undefined {
  return linesOf(request.fields, 'authorization').length > 0 ? true : undefined;
}

function contentLength(fields: Fields): number | undefined {
  const value = firstOf(fields, 'content-length');
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
