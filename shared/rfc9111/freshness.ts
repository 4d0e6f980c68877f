/** Age and freshness lifetime, RFC 9111 §4.2. Times are ms; dates have the resolution of a second. */
import { deltaSeconds, LONGEST_SECONDS, responseDirectives } from './directives';
import { firstOf, linesOf, membersOf } from './field-lines';
import { httpDate } from './http-date';
import { RULES, type Rules, type StoredResponse } from './message';

/** RFC 9110 §15.1. */
const HEURISTICALLY_CACHEABLE = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** May a response of this status be stored, and have a lifetime, without saying so (RFC 9110 §15.1)? */
export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTICALLY_CACHEABLE.has(status);
}

/** current_age (RFC 9111 §4.2.3), ms. A clock that went back makes nobody younger. */
export function ageMs(stored: StoredResponse, nowMs: number): number {
  // Date says no more than its second: what was made at its end and came in the next one is not a second old.
  const behindMs = Math.floor(stored.responseTimeMs / 1000) * 1000 - dateMs(stored);
  const apparentAge = behindMs > 1000 ? behindMs : 0;
  const correctedAge = ageValueMs(stored) + Math.max(0, stored.responseTimeMs - stored.requestTimeMs);
  return Math.max(apparentAge, correctedAge) + Math.max(0, nowMs - stored.responseTimeMs);
}

/** Seconds for an Age field (RFC 9111 §5.1). */
export function ageSeconds(stored: StoredResponse, nowMs: number): number {
  return Math.min(Math.floor(ageMs(stored, nowMs) / 1000), LONGEST_SECONDS);
}

/** freshness_lifetime (RFC 9111 §4.2.1), ms: the first of s-maxage, max-age, Expires, a heuristic. 0: always stale. */
export function lifetimeMs(stored: StoredResponse, rules: Rules = RULES): number {
  const { directives, isTargeted } = responseDirectives(stored.fields, rules);
  const maxAge = directives.sMaxage ?? directives.maxAge;
  if (maxAge !== undefined) return maxAge * 1000;
  // A targeted field takes the place of Expires too (RFC 9213 §2.2).
  const expires = isTargeted ? [] : linesOf(stored.fields, 'expires');
  if (expires.length > 0) return Math.min(...expires.map((date) => untilExpiresMs(date, stored)));
  return isHeuristicallyCacheable(stored.status) || directives.isPublic ? heuristicMs(stored, rules) : 0;
}

/** When the origin made the response, ms since the epoch; when it came, where it does not say (RFC 9110 §6.6.1). */
export function dateMs(stored: Pick<StoredResponse, 'fields' | 'responseTimeMs'>): number {
  return timeOf(stored, 'date') ?? stored.responseTimeMs;
}

/** Time of a date field's first line, ms since the epoch; undefined: absent or invalid. @param name lower case */
export function timeOf(stored: Pick<StoredResponse, 'fields' | 'responseTimeMs'>, name: string): number | undefined {
  const date = firstOf(stored.fields, name);
  return date === undefined ? undefined : httpDate(date, stored.responseTimeMs);
}

/** An invalid date is in the past (RFC 9111 §5.3). */
function untilExpiresMs(expires: string, stored: StoredResponse): number {
  const at = httpDate(expires, stored.responseTimeMs);
  return at === undefined ? 0 : Math.min(Math.max(0, at - dateMs(stored)), LONGEST_SECONDS * 1000);
}

function heuristicMs(stored: StoredResponse, rules: Rules): number {
  if (rules.lifetimeMs !== undefined) return rules.lifetimeMs;
  const modified = timeOf(stored, 'last-modified');
  if (modified === undefined) return 0;
  return Math.max(0, Math.min((dateMs(stored) - modified) * rules.heuristicShare, rules.heuristicMaxMs));
}

/** The first member counts; what is no number is ignored (RFC 9111 §5.1). */
function ageValueMs(stored: StoredResponse): number {
  const first = membersOf(firstOf(stored.fields, 'age') ?? '')[0];
  return (first === undefined ? 0 : (deltaSeconds(first) ?? 0)) * 1000;
}
