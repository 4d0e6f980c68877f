/** What a usable stored response answers to a request: preconditions, then Range, then what is held. RFC 9110 §13.2.2, §14.2; RFC 9111 §3.3, §4.3.2. */
import { chosenRanges, lacking } from './byte-ranges';
import { firstOf, linesOf, valueOf } from './field-lines';
import { dateMs, timeOf } from './freshness';
import { httpDate } from './http-date';
import type { ByteRange, CacheRequest, StoredResponse } from './message';
import { entityTag, entityTags, isSameStrongly, isSameWeakly, strongDate } from './validators';

export type Answer =
  /** All of it, with its own status; to a HEAD without content. */
  | { readonly status: 'stored' }
  | { readonly status: 304 }
  /** One part: with Content-Range; several: multipart/byteranges. `isLean`: the client has the other fields (RFC 9110 §15.3.7). */
  | { readonly status: 206; readonly parts: readonly ByteRange[]; readonly isLean: boolean }
  | { readonly status: 416 }
  /** Not from here: conditions for the origin alone, or content that is not held (`missing`; `last` Infinity: to the end). */
  | { readonly status: 'forward'; readonly why: string; readonly missing?: readonly ByteRange[] | undefined };

/** @param stored chosen, and fresh, allowed stale, or just validated */
export function answerOf(request: CacheRequest, stored: StoredResponse): Answer {
  // Redirects and failures take precedence over conditions (RFC 9110 §13.2.1).
  if (stored.status < 200 || stored.status > 299) return { status: 'stored' };
  const forOrigin = ['if-match', 'if-unmodified-since'].find((name) => linesOf(request.fields, name).length > 0);
  if (forOrigin !== undefined) return { status: 'forward', why: `${forOrigin} is for the origin` };
  const content = contentOf(request, stored);
  // What is not whole answers nothing but ranges that it has (RFC 9111 §3.3), so it confirms nothing else either.
  if (content.status === 'forward') return content;
  return isUnmodified(request, stored) ? { status: 304 } : content;
}

function contentOf(request: CacheRequest, stored: StoredResponse): Answer {
  // Ranges are of a 200 (RFC 9110 §14.2).
  const isRange = stored.status === 200 && request.method === 'GET' && linesOf(request.fields, 'range').length > 0;
  const rangeHolds = isRange && ifRangeHolds(request, stored);
  const ranges = rangeHolds ? chosenRanges(request.fields, stored.length) : undefined;
  if (ranges === 'unsatisfiable') return { status: 416 };
  const { held } = stored;
  if (ranges === undefined || ranges === 'unknown') {
    if (held === undefined) return { status: 'stored' };
    return { status: 'forward', why: 'incomplete', missing: lacking([{ first: 0, last: (stored.length ?? Infinity) - 1 }], held) };
  }
  // A whole of unknown length cannot say where a range ends.
  if (held === undefined && stored.length === undefined) return { status: 'stored' };
  const missing = held === undefined ? [] : lacking(ranges, held);
  if (missing.length > 0) return { status: 'forward', why: 'incomplete', missing };
  return { status: 206, parts: ranges, isLean: linesOf(request.fields, 'if-range').length > 0 };
}

/** The conditions that a cache evaluates: If-None-Match before If-Modified-Since (RFC 9111 §4.3.2). */
function isUnmodified(request: CacheRequest, stored: StoredResponse): boolean {
  const noneMatch = valueOf(request.fields, 'if-none-match');
  if (noneMatch !== undefined) {
    const tag = entityTag(stored.fields);
    return noneMatch === '*' || (tag !== undefined && entityTags(noneMatch).some((listed) => isSameWeakly(listed, tag)));
  }
  const since = linesOf(request.fields, 'if-modified-since');
  const sinceMs = since.length === 1 ? httpDate(since[0] ?? '', stored.responseTimeMs) : undefined;
  // Without Last-Modified the time of the response stands for it (RFC 9111 §4.3.2).
  return sinceMs !== undefined && (timeOf(stored, 'last-modified') ?? dateMs(stored)) <= sinceMs;
}

/** RFC 9110 §13.1.5: the same strong tag, or the very same date where that is strong. */
function ifRangeHolds(request: CacheRequest, stored: StoredResponse): boolean {
  const value = valueOf(request.fields, 'if-range');
  if (value === undefined) return true;
  if (/^(?:W\/)?"/.test(value)) {
    const tag = entityTag(stored.fields);
    return tag !== undefined && isSameStrongly(value, tag);
  }
  return strongDate(stored) !== undefined && value === firstOf(stored.fields, 'last-modified');
}
