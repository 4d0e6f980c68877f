/** Whether a chosen response may be sent, and how: RFC 9111 §4, §4.2.4, §5.2; RFC 5861; RFC 8246. */
import { requestDirectives, responseDirectives, type Directives } from './directives';
import { ageMs, lifetimeMs } from './freshness';
import { RULES, type CacheRequest, type Rules, type StoredResponse } from './message';

export interface Reuse {
  /**
   * - `fresh`, `stale`: send it, nobody is asked;
   * - `stale-while-revalidate`: send it, and validate it behind the client's back (RFC 5861 §3);
   * - `validate`: ask the server first;
   * - `gateway-timeout`: the client wants no one to be asked: 504 (RFC 9111 §5.2.1.7).
   */
  readonly use: 'fresh' | 'stale' | 'stale-while-revalidate' | 'validate' | 'gateway-timeout';
  readonly ageMs: number;
  readonly lifetimeMs: number;
  /** Why it goes forward, if it does, in words of Cache-Status (RFC 9211 §2.2). */
  readonly fwd: 'stale' | 'request';
  /** For people. */
  readonly why: string;
}

export interface Failure {
  /** What the server answered; absent: it could not be reached, or ceased to answer. */
  readonly status?: number | undefined;
}

export interface FailureAnswer {
  /** `stale`: what is stored; `failure`: the server's answer as it is, or 502 or 504 where there is none; `gateway-timeout`: 504 (§5.2.2.2). */
  readonly send: 'stale' | 'failure' | 'gateway-timeout';
  readonly why: string;
}

/** RFC 5861 §4. */
const ERRORS = new Set([500, 502, 503, 504]);
/** Clocks are corrected by small steps all the time; a greater one back says that times mean nothing. */
const CLOCK_STEP_MS = 2000;

/** @param stored chosen for this request (choose) */
export function reuse(request: CacheRequest, stored: StoredResponse, nowMs: number, rules: Rules = RULES): Reuse {
  const wishes = requestDirectives(request.fields);
  const { directives } = responseDirectives(stored.fields, rules);
  const times = { ageMs: ageMs(stored, nowMs), lifetimeMs: lifetimeMs(stored, rules) };
  const isFresh = times.lifetimeMs > times.ageMs;
  const verdict =
    mustBeValidated(stored, directives, nowMs) ?? wished(wishes, directives, times, isFresh) ?? byTime(wishes, directives, times);
  const use = verdict.use === 'validate' && wishes.onlyIfCached ? 'gateway-timeout' : verdict.use;
  return { ...verdict, use, ...times };
}

/** Only what is held is wanted: where nothing is, 504 (RFC 9111 §5.2.1.7). */
export function wantsOnlyStored(request: CacheRequest): boolean {
  return requestDirectives(request.fields).onlyIfCached;
}

/** What to send when validation failed: RFC 9111 §4.2.4, §4.3.3, §5.2.2; RFC 5861 §4. */
export function onFailure(
  request: CacheRequest,
  stored: StoredResponse,
  nowMs: number,
  { status }: Failure,
  rules: Rules = RULES,
): FailureAnswer {
  if (status !== undefined && !ERRORS.has(status)) return { send: 'failure', why: `the server answered ${status}` };
  const { directives } = responseDirectives(stored.fields, rules);
  const staleMs = ageMs(stored, nowMs) - lifetimeMs(stored, rules);
  const forbidden =
    stored.invalid === true ? 'invalidated' : directives.noCache ? 'no-cache' : staleMs < 0 ? undefined : forbidsStale(directives);
  if (forbidden !== undefined) return { send: status === undefined ? 'gateway-timeout' : 'failure', why: forbidden };
  if (staleMs < 0) return { send: 'stale', why: 'still fresh' };
  const wish = requestDirectives(request.fields).staleIfError;
  if (directives.staleIfError !== undefined || wish !== undefined) {
    const limit = Math.max(directives.staleIfError ?? 0, wish ?? 0) * 1000;
    return { send: staleMs <= limit ? 'stale' : 'failure', why: 'stale-if-error' };
  }
  if (status !== undefined && !rules.serverErrorIsNoAnswer) return { send: 'failure', why: `the server answered ${status}` };
  return { send: staleMs <= (rules.staleMaxMs ?? Infinity) ? 'stale' : 'failure', why: 'disconnected' };
}

type Verdict = Pick<Reuse, 'use' | 'fwd' | 'why'>;
type Times = Pick<Reuse, 'ageMs' | 'lifetimeMs'>;

function mustBeValidated(stored: StoredResponse, directives: Directives, nowMs: number): Verdict | undefined {
  const why =
    stored.invalid === true
      ? 'invalidated'
      : directives.noCache
        ? 'no-cache'
        : nowMs < stored.responseTimeMs - CLOCK_STEP_MS
          ? 'the clock went back'
          : undefined;
  return why === undefined ? undefined : { use: 'validate', fwd: 'stale', why };
}

/** RFC 9111 §5.2.1: what the client does not want to have. */
function wished(wishes: Directives, directives: Directives, times: Times, isFresh: boolean): Verdict | undefined {
  const validate = (why: string): Verdict => ({ use: 'validate', fwd: isFresh ? 'request' : 'stale', why: `request ${why}` });
  if (wishes.noCache) return validate('no-cache');
  // RFC 8246 §2.1: it will not have changed, whatever the client thinks of its age.
  if (isFresh && directives.immutable) return undefined;
  if (wishes.maxAge !== undefined && (wishes.maxAge === 0 || Math.floor(times.ageMs / 1000) > wishes.maxAge)) return validate('max-age');
  if (wishes.minFresh !== undefined && times.lifetimeMs - times.ageMs < wishes.minFresh * 1000) return validate('min-fresh');
  return undefined;
}

function byTime(wishes: Directives, directives: Directives, times: Times): Verdict {
  const staleMs = times.ageMs - times.lifetimeMs;
  if (staleMs < 0) return { use: 'fresh', fwd: 'request', why: 'fresh' };
  const forbidden = forbidsStale(directives);
  if (forbidden !== undefined) return { use: 'validate', fwd: 'stale', why: forbidden };
  if (wishes.maxStale !== undefined && staleMs <= wishes.maxStale * 1000) return { use: 'stale', fwd: 'stale', why: 'request max-stale' };
  // Who names an age wants nothing stale (§5.2.1.1, §5.2.1.3).
  const isOpen = wishes.maxAge === undefined && wishes.minFresh === undefined;
  if (isOpen && directives.staleWhileRevalidate !== undefined && staleMs <= directives.staleWhileRevalidate * 1000) {
    return { use: 'stale-while-revalidate', fwd: 'stale', why: 'stale-while-revalidate' };
  }
  return { use: 'validate', fwd: 'stale', why: 'stale' };
}

/** RFC 9111 §4.2.4: nothing permits stale where one of these is; s-maxage says what proxy-revalidate says (§5.2.2.10). */
function forbidsStale(directives: Directives): string | undefined {
  if (directives.mustRevalidate) return 'must-revalidate';
  if (directives.proxyRevalidate) return 'proxy-revalidate';
  return directives.sMaxage === undefined ? undefined : 's-maxage';
}
