/**
 * Which mirrors are worth asking.
 *
 * The rule. A mirror is healthy until it fails: one failure to connect (name, TCP, TLS), or three failures in a row of
 * any other kind (5xx, 408, 429, no headers in time, reset). Then it rests: 1 s, doubling to 60 s with every further failure,
 * each ±25 %. One answer of any other status makes it healthy again.
 *
 * - Healthy mirrors are asked in the operator's order. A resting one whose time has come takes its place among them
 *   again, for one request (the probe); meanwhile other requests pass it by.
 * - Only when those have failed, resting ones are asked before their time, so that a user never gets an error that one
 *   more attempt would have spared him; but one request at a time: the others wait for that probe and share its fate.
 * - A mirror that sent Retry-After (429 or 503; at most an hour is believed) is never asked before that time.
 */
import { LarderError } from '../errors';

export interface MirrorFailure {
  readonly error: LarderError;
  /** The mirror could not be connected to at all. */
  readonly hard: boolean;
  /** Retry-After of a 429 or 503, ms. */
  readonly retryAfterMs?: number;
}

/** Permission to ask a mirror; exactly one of the three is to be called when it is known how it went. */
export interface Turn {
  succeeded(): void;
  failed(failure: MirrorFailure): void;
  /** The request was given up by whoever made it: says nothing about the mirror. */
  abandoned(): void;
}

export interface Health {
  /** The bases in the order to ask them; `later` only when all of `first` have failed. */
  order(bases: readonly string[]): { readonly first: readonly string[]; readonly later: readonly string[] };
  /** @throws LarderError upstream-busy before Retry-After is over; the error of the probe that this request waited for; or the signal's reason */
  turn(base: string, signal?: AbortSignal): Promise<Turn>;
  /** Failing mirrors only. */
  resting(): readonly { base: string; retryAt: number; lastError: string }[];
}

interface State {
  failures: number;
  /** 0: not resting. */
  retryAt: number;
  /** Not to be asked before, by its own words. */
  blockedUntil: number;
  blockedStatus: number;
  lastError: LarderError;
  probe?: Promise<LarderError | undefined>;
}

const SOFT_FAILURES = 3;
const LONGEST_REST_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 3_600_000;

export interface HealthOptions {
  /** ms since the epoch. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  onChange?(base: string, healthy: boolean, reason: string): void;
  /** Whether a base is configured; what is known of others is forgotten when there are too many. */
  isConfigured?(base: string): boolean;
}

/** Failing bases remembered at most, beside the configured ones: clients may name any number of hosts. */
const MOST_STATES = 1000;

/** @param now ms @param random from 0 to 1 @param onChange told when a mirror begins to fail, and when it works again */
export function createHealth({ now, random, onChange, isConfigured }: HealthOptions): Health {
  const states = new Map<string, State>(); // only mirrors that failed last time; the latest failure last

  // What is forgotten counts as healthy, so at worst a dead host is tried once more.
  const forgetOldest = (): void => {
    if (states.size <= MOST_STATES) return;
    for (const base of states.keys()) {
      if (isConfigured?.(base)) continue;
      states.delete(base);
      return;
    }
  };

  const fail = (base: string, failure: MirrorFailure): void => {
    const before = states.get(base);
    const state: State = before ?? { failures: 0, retryAt: 0, blockedUntil: 0, blockedStatus: 0, lastError: failure.error };
    states.delete(base);
    states.set(base, state);
    forgetOldest();
    state.failures++;
    state.lastError = failure.error;
    if (failure.retryAfterMs !== undefined) {
      state.blockedUntil = now() + Math.min(failure.retryAfterMs, LONGEST_RETRY_AFTER_MS);
      state.blockedStatus = Number(failure.error.facts['status'] ?? 503);
    }
    const wasResting = state.retryAt > 0;
    if (!wasResting && !failure.hard && state.failures < SOFT_FAILURES) return;
    const rests = wasResting ? state.failures : (state.failures = 1);
    const rest = Math.min(1000 * 2 ** (rests - 1), LONGEST_REST_MS) * (0.75 + random() / 2);
    state.retryAt = now() + rest;
    if (!wasResting) onChange?.(base, false, failure.error.message);
  };

  const succeed = (base: string): void => {
    const state = states.get(base);
    states.delete(base);
    if (state && state.retryAt > 0) onChange?.(base, true, '');
  };

  const blocked = (base: string, state: State): LarderError | undefined => {
    const ms = state.blockedUntil - now();
    if (ms <= 0) return undefined;
    return new LarderError('upstream-busy', { host: new URL(base).host, status: state.blockedStatus, retryAfter: Math.ceil(ms / 1000) });
  };

  return {
    order(bases) {
      const isFirst = (base: string): boolean => {
        const state = states.get(base);
        if (!state) return true;
        return state.blockedUntil <= now() && (state.retryAt === 0 || (state.retryAt <= now() && !state.probe));
      };
      return { first: bases.filter(isFirst), later: bases.filter((base) => !isFirst(base)) };
    },

    async turn(base, signal) {
      for (;;) {
        signal?.throwIfAborted();
        const state = states.get(base);
        const busy = state && blocked(base, state);
        if (busy) throw busy;
        if (!state || state.retryAt === 0) {
          return { succeeded: () => succeed(base), failed: (failure) => fail(base, failure), abandoned: () => {} };
        }
        if (!state.probe) return probe(base, state);
        const error = await orAborted(state.probe, signal);
        if (error) throw error;
      }
    },

    resting: () =>
      [...states].map(([base, state]) => ({
        base,
        retryAt: Math.max(state.retryAt, state.blockedUntil),
        lastError: state.lastError.message,
      })),
  };

  function probe(base: string, state: State): Turn {
    let settle!: (error: LarderError | undefined) => void;
    const outcome = new Promise<LarderError | undefined>((resolve) => (settle = resolve));
    state.probe = outcome;
    const over = (error?: LarderError): void => {
      delete state.probe;
      settle(error);
    };
    return {
      succeeded() {
        succeed(base);
        over();
      },
      failed(failure) {
        fail(base, failure);
        over(failure.error);
      },
      abandoned: () => over(),
    };
  }
}

/** Settles like the promise, unless the signal is aborted first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Retry-After in ms: seconds or an HTTP date (RFC 9110 §10.2.3); undefined if there is none or it is neither. */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d{1,10}\s*$/.test(value)) return Number(value) * 1000;
  const date = /^[A-Z][a-z]{2},? /.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
