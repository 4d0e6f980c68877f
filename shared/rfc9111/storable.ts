/** May a shared cache store a response? RFC 9111 §3, with the reasons in its order. */
import { contentRange } from './byte-ranges';
import { requestDirectives, responseDirectives } from './directives';
import { linesOf } from './field-lines';
import { isHeuristicallyCacheable } from './freshness';
import { RULES, type CacheRequest, type ReceivedResponse, type Rules } from './message';
import { connectionOptions } from './stored-fields';
import { varyNames } from './vary';

export interface Storability {
  readonly store: boolean;
  /** For people: what forbids it, or what allows it. */
  readonly why: string;
}

/** Status codes whose caching requirements are implemented here: all of RFC 9110 §15 that are final, and of RFC 6585, 7538 and 7725. */
const UNDERSTOOD = new Set([
  ...[200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 429, 431, 451],
  ...[500, 501, 502, 503, 504, 505, 511],
]);
/**
 * They answer one request and not the next: 304, 412 and 416 its conditions and ranges, 407 its proxy, 408 and 421 its connection; RFC 6585
 * forbids storing 428, 429, 431 and 511.
 */
const OF_ONE_REQUEST = new Set([304, 407, 408, 412, 416, 421, 428, 429, 431, 511]);
/** A response that must not carry these on has said how long it may live to somebody else. */
const POLICY_FIELDS = ['cache-control', 'expires', 'vary'];

/** @param request as it was forwarded: with the Range that was sent. GET, and HEAD, whose response answers only HEADs. A 206 is stored as a part of a 200 (RFC 9111 §3.3). */
export function storable(request: CacheRequest, response: ReceivedResponse, rules: Rules = RULES): Storability {
  const { fields, status } = response;
  const { directives, isTargeted } = responseDirectives(fields, rules);
  const no = (why: string): Storability => ({ store: false, why });
  if (request.method !== 'GET' && request.method !== 'HEAD') return no(`method ${request.method}`);
  if (!(status >= 200 && status <= 599)) return no(`status ${status} is not final`);
  if (OF_ONE_REQUEST.has(status)) return no(`status ${status}`);
  if (status === 206 && (request.method !== 'GET' || linesOf(request.fields, 'range').length === 0)) return no('206 that nobody asked for');
  if (status === 206 && contentRange(response) === undefined) return no('206 without one range of bytes');
  if (requestDirectives(request.fields).noStore) return no('request no-store');
  if (directives.mustUnderstand && !UNDERSTOOD.has(status)) return no('must-understand');
  if (directives.noStore && !directives.mustUnderstand) return no('no-store');
  if (directives.isPrivate) return no('private');
  const isForAll = directives.isPublic || directives.mustRevalidate || directives.sMaxage !== undefined;
  if (linesOf(request.fields, 'authorization').length > 0 && !isForAll) return no('request authorization');
  if (varyNames(fields) === '*') return no('vary *');
  const named = connectionOptions(fields).find((option) => POLICY_FIELDS.includes(option));
  if (named !== undefined) return no(`connection names ${named}`);
  if (directives.isPublic) return { store: true, why: 'public' };
  if (directives.sMaxage !== undefined) return { store: true, why: 's-maxage' };
  if (directives.maxAge !== undefined) return { store: true, why: 'max-age' };
  if (!isTargeted && linesOf(fields, 'expires').length > 0) return { store: true, why: 'expires' };
  return isHeuristicallyCacheable(status) ? { store: true, why: `status ${status}` } : no('no lifetime');
}
