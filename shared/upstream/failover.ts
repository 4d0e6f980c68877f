/** Which failures another mirror may do better than, and which end the request. */
import { Readable } from 'node:stream';
import { isLarderError, LarderError } from '../errors';
import { ExchangeError } from './exchange';
import { retryAfterMs, type Turn } from './health';
import { SAFE } from './hops';
import type { Candidate } from './mirrors';
import type { UpstreamRequest } from './types';

/** This mirror has no answer, but another one may. */
export class Miss extends Error {
  constructor(
    readonly error: LarderError,
    /** `connect`: nothing was sent; `rested`: not asked at all. */
    readonly stage: 'connect' | 'sent' | 'status' | 'rested',
  ) {
    super(error.message);
  }
}

/** For a turn that was not given. */
export function asMiss(error: unknown): never {
  throw isLarderError(error) ? new Miss(error, 'rested') : error;
}

/** Notes a failed attempt with the mirror's health, and says how to go on. */
export function noted(error: unknown, turn: Turn | undefined, candidate: Candidate, request: UpstreamRequest): unknown {
  if (error instanceof Miss) return error;
  if (request.signal?.aborted || !(error instanceof ExchangeError || isLarderError(error)) || (isLarderError(error) && isOurs(error))) {
    turn?.abandoned();
    return error;
  }
  const failed = error instanceof ExchangeError ? error.error : error;
  // A redirect's target that cannot be reached says less about the mirror than the mirror itself.
  const hard = error instanceof ExchangeError && error.stage === 'connect' && failed.facts['host'] === candidate.url.host;
  turn?.failed({ error: failed, hard });
  return new Miss(failed, error instanceof ExchangeError ? error.stage : 'status');
}

function isOurs(error: LarderError): boolean {
  return ['loop', 'config', 'bad-target', 'target-refused', 'host-refused'].includes(error.code);
}

/**
 * A status that another mirror may do better than; undefined for a real answer. What answers a range or a condition that nobody sent is none
 * (RFC 9110 §15.3.7, §15.4.5, §15.5.17).
 */
export function statusFailure(
  request: Pick<UpstreamRequest, 'headers'>,
  host: string,
  status: number,
  headers: Readonly<Record<string, string>>,
  now: number,
): { error: LarderError; retryAfterMs?: number } | undefined {
  if (status === 429 || status === 503) {
    const ms = retryAfterMs(headers['retry-after'], now);
    const facts = { host, status, ...(ms === undefined ? {} : { retryAfter: Math.ceil(ms / 1000) }) };
    return { error: new LarderError('upstream-busy', facts), ...(ms === undefined ? {} : { retryAfterMs: ms }) };
  }
  if (status === 408 || status >= 500 || (status >= 300 && status < 400 && status !== 304))
    return { error: new LarderError('upstream-failed', { host, reason: `status ${status}`, status }) };
  const asked = Object.keys(request.headers ?? {});
  const isUnasked = status === 304 ? !asked.some(isCondition) : (status === 206 || status === 416) && !asked.some(isRange);
  if (isUnasked) return { error: new LarderError('upstream-failed', { host, reason: `status ${status}, which nobody asked for`, status }) };
  return undefined;
}

const isCondition = (field: string): boolean => /^if-(?:none-match|modified-since)$/i.test(field);
const isRange = (field: string): boolean => /^range$/i.test(field);

/** Reads and methods that were never sent may go on to the next mirror; an upload that was begun cannot be repeated. */
export function mayAskNext(request: UpstreamRequest, miss: Miss): boolean {
  if (request.single || request.body instanceof Readable) return miss.stage === 'rested' && !request.single;
  return SAFE.has(request.method ?? 'GET') || miss.stage === 'connect' || miss.stage === 'rested';
}

/** Of several errors: who asks to come back later tells the client most; else what the first mirror said. */
export function worst(misses: readonly Miss[]): LarderError | undefined {
  return (misses.find((miss) => miss.error.code === 'upstream-busy') ?? misses[0])?.error;
}
