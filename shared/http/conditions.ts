/** Conditional requests and ranges, pure: RFC 9110 §13 and §14, in the order of §13.2.2. */
import type { RequestFacts } from './request-facts';

export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /**
   * The bytes may have changed within the second that `lastModified` names (RFC 9110 §8.8.2.2), or to others with an earlier date: what stands
   * for the newest of several revisions. Then no date vouches for a part, nobody gets a part who does not say of which revision, and only
   * the very date that was sent is confirmed.
   */
  readonly weakDate?: boolean | undefined;
  /** Length of the whole, if known. */
  readonly size: number | undefined;
}

export type Selection =
  { readonly status: 200 | 304 | 412 } | { readonly status: 206; readonly first: number; readonly last: number } | { readonly status: 416 };

/** What to send of a representation. Several ranges, or one of unknown form, are ignored (RFC 9110 §14.2 allows it). */
export function select(method: string, facts: RequestFacts, has: Validators): Selection {
  if (facts.ifMatch !== undefined && !matchesAny(facts.ifMatch, has.etag, true)) return { status: 412 };
  if (
    facts.ifMatch === undefined &&
    facts.ifUnmodifiedSince !== undefined &&
    changedSince(facts.ifUnmodifiedSince, has.lastModified) === true
  ) {
    return { status: 412 };
  }
  if (facts.ifNoneMatch !== undefined) {
    if (matchesAny(facts.ifNoneMatch, has.etag, false)) return { status: 304 };
  } else if (facts.ifModifiedSince !== undefined && isUnchanged(facts.ifModifiedSince, has)) {
    return { status: 304 };
  }
  if (method !== 'GET' || facts.range === undefined || has.size === undefined) return { status: 200 };
  if (facts.ifRange === undefined ? has.weakDate === true : !rangeStillHolds(facts.ifRange, has)) return { status: 200 };
  return selectRange(facts.range, has.size);
}

function selectRange(range: string, size: number): Selection {
  const found = /^bytes=(\d*)-(\d*)$/i.exec(range.trim());
  if (!found || (found[1] === '' && found[2] === '')) return { status: 200 };
  const [, from = '', to = ''] = found;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? { status: 416 } : { status: 206, first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return { status: 200 };
  return first >= size ? { status: 416 } : { status: 206, first, last };
}

/** @param strong RFC 9110 §8.8.3.2: If-Match compares strongly, If-None-Match weakly */
function matchesAny(list: string, etag: string | undefined, strong: boolean): boolean {
  if (list.trim() === '*') return true;
  if (etag === undefined) return false;
  const opaque = etag.replace(/^W\//, '');
  for (const word of list.match(/(?:W\/)?"[^"]*"/g) ?? []) {
    if (strong ? word === etag && !word.startsWith('W/') : word.replace(/^W\//, '') === opaque) return true;
  }
  return false;
}

/** @returns undefined where that cannot be told (no Last-Modified, or not a date): the condition is ignored */
function changedSince(date: string, lastModified: string | undefined): boolean | undefined {
  const since = Date.parse(date);
  const modified = lastModified === undefined ? NaN : Date.parse(lastModified);
  return Number.isNaN(since) || Number.isNaN(modified) ? undefined : modified > since;
}

function isUnchanged(date: string, { lastModified, weakDate }: Validators): boolean {
  return changedSince(date, lastModified) === false && (weakDate !== true || changedSince(lastModified ?? '', date) === false);
}

/** RFC 9110 §13.1.5: a strong validator, or exactly the date that was sent, if that is a strong one. */
function rangeStillHolds(ifRange: string, has: Validators): boolean {
  const value = ifRange.trim();
  if (value.startsWith('"')) return value === has.etag;
  if (value.startsWith('W/') || has.lastModified === undefined || has.weakDate === true) return false;
  return Date.parse(value) === Date.parse(has.lastModified);
}
