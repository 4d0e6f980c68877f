/** The upstream room: mirrors in order of health, failover, redirects, slots. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Config, Origin } from '../config/config';
import { isLarderError, LarderError } from '../errors';
import type { Log } from '../log/types';
import { createAddressCheck, type Listener } from './address';
import { createAgents } from './agents';
import { IdleWatch } from './body';
import { exchange, ExchangeError, type Answer } from './exchange';
import { requestHeaders } from './headers';
import { createHealth, retryAfterMs, type Turn } from './health';
import { candidatesFor, homeOf, homesOf, type Candidate, type Home } from './mirrors';
import { isRedirect, MAX_REDIRECTS, nextMethod, nextUrl } from './redirects';
import { createSlots } from './slots';
import type { Upstream, UpstreamRequest, UpstreamResponse } from './types';

export interface UpstreamOptions {
  readonly config: Config;
  /** Names this process in Via, so that a request which comes back is known: `1.1 larder-<token>`. */
  readonly viaToken: string;
  /** Where we listen ourselves (now); an upstream there is a loop. */
  readonly ownAddresses: () => readonly Listener[];
  /** ms since the epoch; for health and Retry-After. */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly log?: Pick<Log, 'warn' | 'info'>;
}

const SLOTS_PER_HOST = 16;
/** A body that nobody wants is read to its end if it is this small, so that the connection stays usable. */
const DRAIN_BYTES = 64 * 1024;
/** May be asked again without doing anything twice. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Makes the room; nothing is opened or loaded before the first fetch. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { config, viaToken, log } = options;
  const now = options.now ?? Date.now;
  const check = createAddressCheck(config.allowNets, options.ownAddresses);
  const agents = createAgents(config, check);
  const slots = createSlots(SLOTS_PER_HOST);
  const watch = new IdleWatch(config.timeouts.idleMs);
  const health = createHealth({
    now,
    random: options.random ?? Math.random,
    onChange: (base, healthy, reason) => (healthy ? log?.info('mirror-back', { base }) : log?.warn('mirror-rests', { base, reason })),
  });
  const homes = memo(homesOf);
  const userAgent = `larder/${version()}`;
  const cacheOf = (origin: Origin): string => config.caches.find((each) => each.origins.includes(origin))?.name ?? '<cache>';

  /** One URL, redirects followed, no failover. */
  async function ask(request: UpstreamRequest, url: URL): Promise<Answer & { readonly url: URL }> {
    const own = homes(request.origin);
    const start = url.origin;
    let at = url;
    let method = request.method ?? 'GET';
    let body = request.body;
    for (let hops = 0; ; hops++) {
      const answer = await once(request, at, method, body, at.origin === start);
      if (request.single || !isRedirect(answer.status)) return { ...answer, url: at };
      discard(answer);
      if (hops === MAX_REDIRECTS)
        throw new LarderError('upstream-failed', { host: url.host, reason: `more than ${MAX_REDIRECTS} redirects` });
      const next = nextUrl(at, answer.headers['location']);
      const became = nextMethod(answer.status, method);
      if (became === 'GET' || became === 'HEAD') body = undefined;
      else if (body instanceof Readable) throw new LarderError('upstream-failed', { host: at.host, reason: 'it redirects an upload' });
      // Judged before a slot is waited for: an address that may not be reached must not cost anybody a place.
      check.assertLiteral(next, isTrusted(request.origin, own, next));
      method = became;
      at = next;
    }
  }

  /** One hop; a connection that was reset before any answer is tried once more on a fresh one. */
  async function once(
    request: UpstreamRequest,
    url: URL,
    method: string,
    body: Readable | Buffer | undefined,
    sameHost: boolean,
  ): Promise<Answer> {
    const own = homes(request.origin);
    const home = homeOf(own, url);
    const trusted = isTrusted(request.origin, own, url);
    const headers = requestHeaders(request.headers ?? {}, {
      userAgent,
      via: `1.1 larder-${viaToken}`,
      authorization: home?.authorization,
      sameHost,
    });
    // What must not be sent twice never goes over a kept connection, which may have died unnoticed.
    for (let fresh = !SAFE.has(method); ; fresh = true) {
      check.assertLiteral(url, trusted);
      const release = await slots.acquire(url.host, request.signal);
      try {
        return await exchange({
          url,
          method,
          headers,
          body,
          signal: request.signal,
          timeouts: config.timeouts,
          watch,
          proxy: agents.proxyFor(url),
          agent: (onRequest) => agents.forRequest({ url, trusted, fresh }, onRequest),
          done: release,
        });
      } catch (error) {
        const again = error instanceof ExchangeError && error.isReset && !fresh;
        if (!again) throw error;
      }
    }
  }

  /** One mirror, its health noted. @throws Miss if the next mirror may do better; anything else is final */
  async function attempt(request: UpstreamRequest, candidate: Candidate): Promise<UpstreamResponse> {
    const turn = request.single ? undefined : await health.turn(candidate.base, request.signal).catch(asMiss);
    try {
      const answer = await ask(request, candidate.url);
      const failed = request.single ? undefined : statusFailure(candidate.url.host, answer.status, answer.headers, now());
      if (failed) {
        discard(answer);
        turn?.failed({ hard: false, ...failed });
        throw new Miss(failed.error, 'status');
      }
      turn?.succeeded();
      const isEmpty = request.method === 'HEAD' || answer.status === 204 || answer.status === 304;
      if (isEmpty) answer.body.resume(); // holds no slot, even if nobody reads it
      const shown: Readable = isEmpty ? Readable.from([]) : answer.body;
      return { status: answer.status, headers: answer.headers, body: shown, base: candidate.base, url: answer.url.href };
    } catch (error) {
      throw noted(error, turn, candidate, request);
    }
  }

  return {
    async wayTo(origin, path) {
      const own = homes(origin);
      const url = candidatesFor(own, path)[0]?.url;
      if (!url) throw new LarderError('not-configured', { cache: cacheOf(origin) });
      const trusted = isTrusted(origin, own, url);
      check.assertLiteral(url, trusted);
      const authorization = homeOf(own, url)?.authorization;
      const agent = await agents.forRequest({ url, trusted, fresh: true }, () => undefined);
      return { url, agent, ...(authorization === undefined ? {} : { authorization }) };
    },
    async fetch(request) {
      const own = homes(request.origin);
      const cache = cacheOf(request.origin);
      if (own.length === 0 && request.path.startsWith('/')) throw new LarderError('not-configured', { cache });
      const all = candidatesFor(own, request.path).filter((each) => !request.skip?.has(each.base));
      const candidates = request.single ? all.slice(0, 1) : all;
      const { first, later } = health.order(candidates.map((each) => each.base));
      const misses: Miss[] = [];
      for (const base of request.single ? candidates.map((each) => each.base) : [...first, ...later]) {
        const candidate = candidates.find((each) => each.base === base);
        if (!candidate) continue;
        try {
          return await attempt(request, candidate);
        } catch (error) {
          if (isLarderError(error) && error.code === 'loop') throw new LarderError('loop', { cache, ...error.facts });
          if (!(error instanceof Miss)) throw error;
          misses.push(error);
          if (!mayAskNext(request, error)) break;
        }
      }
      throw worst(misses, request.path);
    },
    health() {
      const resting = new Map(health.resting().map((each) => [each.base, each]));
      const bases = config.caches.flatMap((cache) => cache.origins.flatMap((origin) => homes(origin).map((home) => home.base)));
      return [...new Set([...bases, ...resting.keys()])].map((base) => {
        const found = resting.get(base);
        if (!found) return { base, healthy: true, retryAt: 0 };
        return { base, healthy: found.retryAt === 0, retryAt: found.retryAt, lastError: found.lastError };
      });
    },
    close() {
      watch.close();
      agents.close();
    },
  };
}

/** This mirror has no answer, but another one may. */
class Miss extends Error {
  constructor(
    readonly error: LarderError,
    /** `connect`: nothing was sent; `rested`: not asked at all. */
    readonly stage: 'connect' | 'sent' | 'status' | 'rested',
  ) {
    super(error.message);
  }
}

function asMiss(error: unknown): never {
  throw isLarderError(error) ? new Miss(error, 'rested') : error;
}

/** Notes a failed attempt with the mirror's health, and says how to go on. */
function noted(error: unknown, turn: Turn | undefined, candidate: Candidate, request: UpstreamRequest): unknown {
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
  return error.code === 'loop' || error.code === 'config' || error.code === 'bad-target';
}

/** A status that another mirror may do better than; undefined for a real answer. */
function statusFailure(
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
  if (status === 408 || status >= 500) return { error: new LarderError('upstream-failed', { host, reason: `status ${status}`, status }) };
  if (status >= 300 && status < 400 && status !== 304)
    return { error: new LarderError('upstream-failed', { host, reason: `status ${status}`, status }) };
  return undefined;
}

/** Reads and methods that were never sent may go on to the next mirror; an upload that was begun cannot be repeated. */
function mayAskNext(request: UpstreamRequest, miss: Miss): boolean {
  if (request.single || request.body instanceof Readable) return miss.stage === 'rested' && !request.single;
  return SAFE.has(request.method ?? 'GET') || miss.stage === 'connect' || miss.stage === 'rested';
}

/** Of several errors: who asks to come back later tells the client most; else what the first mirror said. */
function worst(misses: readonly Miss[], path: string): LarderError {
  const busy = misses.find((miss) => miss.error.code === 'upstream-busy');
  return (busy ?? misses[0])?.error ?? new LarderError('upstream-failed', { host: path.slice(0, 200), reason: 'no mirror is left to ask' });
}

function isTrusted(origin: Origin, homes: readonly Home[], url: URL): boolean {
  return origin.operatorNamed && homeOf(homes, url) !== undefined;
}

/** Ends a response that nobody wants, keeping the connection if its body is small. */
function discard(answer: Answer): void {
  answer.body.on('error', () => {});
  if (Number(answer.headers['content-length'] ?? Infinity) <= DRAIN_BYTES) answer.body.resume();
  else answer.body.destroy();
}

function memo<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make(key)));
    return value;
  };
}

function version(): string {
  const text = readFileSync(join(__dirname, '..', '..', '..', 'package.json'), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version ?? '0');
}
