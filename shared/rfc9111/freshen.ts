/** What a 304 or a HEAD says of stored responses: RFC 9111 §4.3.4, §4.3.5. */
import { couldBeChosen } from './choose';
import { deltaSeconds, requestDirectives } from './directives';
import { firstOf, linesOf, without } from './field-lines';
import { dateMs, timeOf } from './freshness';
import { RULES, type CacheRequest, type Fields, type ReceivedResponse, type Rules, type StoredResponse } from './message';
import { updated } from './record';
import { storable } from './storable';
import { entityTag, isSameStrongly, isSameWeakly, strongDate } from './validators';

/** A stored response and what it becomes. */
export interface Update {
  readonly before: StoredResponse;
  /** To answer this request with. */
  readonly after: StoredResponse;
  /** `update`: store `after`; `leave`: store nothing of this exchange; `remove`: it may no longer be stored (such as a new no-store). */
  readonly store: 'update' | 'leave' | 'remove';
}

/**
 * RFC 9111 §4.3.4. One deviation: a 304 without validator also updates a response that has one, if it is the only one there, for then the
 * server can have meant no other (RFC 9110 §15.4.5 has it send the ETag; not all do).
 * @param request the client's @param stored those of its URL
 * @returns empty: it is of nothing that is held; ask without conditions
 */
export function freshened(
  request: CacheRequest,
  stored: readonly StoredResponse[],
  notModified: ReceivedResponse,
  rules: Rules = RULES,
): readonly Update[] {
  const couldBe = stored.filter((one) => couldBeChosen(request, one));
  return identified(couldBe, notModified).map((before) => updateOf(request, before, notModified, rules));
}

function identified(stored: readonly StoredResponse[], { fields, responseTimeMs }: ReceivedResponse): readonly StoredResponse[] {
  const tag = entityTag(fields);
  const hasStrongTag = tag !== undefined && !tag.startsWith('W/');
  const modified = timeOf({ fields, responseTimeMs }, 'last-modified');
  const isOfDate = (one: StoredResponse): boolean => modified !== undefined && timeOf(one, 'last-modified') === modified;
  // How strong a date is depends on when the stored response was sent (RFC 9110 §8.8.2.2); it says nothing against a tag.
  const isSame = (one: StoredResponse): boolean => {
    const held = entityTag(one.fields);
    if (hasStrongTag && held !== undefined && isSameStrongly(tag, held)) return true;
    const isContradicted = tag !== undefined && held !== undefined && !isSameWeakly(tag, held);
    return isOfDate(one) && strongDate(one) !== undefined && !isContradicted;
  };
  const same = stored.filter(isSame);
  if (hasStrongTag || same.length > 0) return same;
  if (tag === undefined && modified === undefined) return stored.length === 1 ? stored : [];
  // What two revisions may share finds the most recent alone.
  const matching = stored.filter((one) => {
    const held = entityTag(one.fields);
    return tag === undefined || held === undefined ? isOfDate(one) : isSameWeakly(tag, held);
  });
  return matching.sort((one, other) => dateMs(other) - dateMs(one)).slice(0, 1);
}

/**
 * RFC 9111 §4.3.5, of a 200: where validators and length are those of the stored response, its fields are updated; otherwise it is stale.
 * @param stored those of the request's URL
 */
export function headUpdates(
  request: CacheRequest,
  stored: readonly StoredResponse[],
  head: ReceivedResponse,
  rules: Rules = RULES,
): readonly Update[] {
  if (head.status !== 200) return [];
  return stored
    .filter((one) => one.method === 'GET' && couldBeChosen(request, one))
    .map((before) => {
      if (isAsHead(before, head)) return updateOf(request, before, head, rules);
      return { before, after: { ...before, invalid: true }, store: 'update' };
    });
}

function isAsHead(stored: StoredResponse, head: ReceivedResponse): boolean {
  const isSame = ['etag', 'last-modified'].every((name) => {
    const value = firstOf(head.fields, name);
    return value === undefined || value === firstOf(stored.fields, name);
  });
  const [length] = linesOf(head.fields, 'content-length');
  return isSame && stored.status === 200 && (length === undefined || deltaSeconds(length) === stored.length);
}

function updateOf(request: CacheRequest, before: StoredResponse, newer: ReceivedResponse, rules: Rules): Update {
  const after = updated(request, before, newer, rules);
  if (requestDirectives(request.fields).noStore) return { before, after, store: 'leave' };
  // The newer response may forbid what the older one allowed; if only the request does, the older one stays as it is.
  const isStorable = (fields: Fields): boolean => storable({ ...request, method: before.method, fields }, after, rules).store;
  const fields = without(request.fields, new Set(['authorization']));
  if (!isStorable(before.isAuthorised === true ? [...fields, ['Authorization', '']] : fields)) return { before, after, store: 'remove' };
  return { before, after, store: isStorable(request.fields) ? 'update' : 'leave' };
}
