/**
 * Requests that are sent on as they are, and answers that nobody has interpreted: raw fields, 1xx, trailers, any status. What judges
 * addresses, makes connections and bounds silence is the same as for `fetch`; node-fetch is not in it, since it hides all of these.
 */
import { request as makeRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Config, Origin } from '../config/config';
import { LarderError } from '../errors';
import { portOf, type AddressCheck } from './address';
import type { Agents } from './agents';
import { UpstreamBody, type IdleWatch } from './body';
import { ExchangeError, failure, onConnected, onInterim } from './exchange';
import type { Health, Turn } from './health';
import { SAFE } from './hops';
import { candidatesFor, homeOf, type Candidate, type Home } from './mirrors';
import { createSlots } from './slots';
import type { Standings } from './standing';
import type { RelayedResponse, RelayRequest } from './types';

export interface RelayOptions {
  readonly config: Config;
  readonly check: AddressCheck;
  readonly agents: Agents;
  readonly watch: IdleWatch;
  readonly standings: Standings;
  readonly health: Health;
  homes(origin: Origin): readonly Home[];
  readonly userAgent: string;
  /** Our element of Via. */
  readonly via: string;
}

/** Answers of any kind may take long (polling, events): more of them at a time than downloads. */
const SLOTS_PER_HOST = 64;
/** As much as clients may send. */
const HEADER_BYTES = 32 * 1024;

/** @returns what asks the mirrors in order of health. @throws LarderError; the signal's reason */
export function createRelay(options: RelayOptions): (request: RelayRequest) => Promise<RelayedResponse> {
  const { health, homes } = options;
  const slots = createSlots(SLOTS_PER_HOST);

  async function attempt(request: RelayRequest, { url, base }: Candidate): Promise<RelayedResponse> {
    const { check, standings, agents } = options;
    const own = homes(request.origin);
    const standing = standings.of(request.origin, own, url);
    await check.assertLiteral(url.hostname, portOf(url), standing);
    const fields = fieldsFor(request, { ...options, host: url.host, authorization: homeOf(own, url)?.authorization });
    // What must not be sent twice never goes over a kept connection, which may have died unnoticed.
    for (let fresh = request.body !== undefined || !SAFE.has(request.method); ; fresh = true) {
      const release = await slots.acquire(url.host, request.signal);
      try {
        const agent: Asking['agent'] = (onRequest) => agents.forRequest({ url, standing, fresh }, onRequest);
        return { ...(await exchangeRaw(options, { request, url, fields, agent, release })), base };
      } catch (error) {
        if (fresh || !(error instanceof ExchangeError && error.isReset)) throw error;
      }
    }
  }

  return async (request) => {
    const candidates = candidatesFor(homes(request.origin), request.path);
    const { first, later } = health.order(candidates.map(({ base }) => base));
    const ordered = [...first, ...later].flatMap((base) => candidates.find((each) => each.base === base) ?? []);
    let failed: LarderError | undefined;
    for (const [index, candidate] of ordered.entries()) {
      const isLast = index === ordered.length - 1;
      // With one mirror there is nothing to choose, and what one resource answers says nothing of the others.
      const turn = candidates.length > 1 ? await health.turn(candidate.base, request.signal) : undefined;
      try {
        const response = await attempt(request, candidate);
        const mayDoBetter = response.status >= 500 && !isLast && request.body === undefined && SAFE.has(request.method);
        if (!mayDoBetter) {
          turn?.succeeded();
          return response;
        }
        response.body.destroy();
        turn?.abandoned();
      } catch (error) {
        failed = note(turn, request, error);
        const mayAskNext = error instanceof ExchangeError && (error.stage === 'connect' || SAFE.has(request.method));
        if (isLast || request.body !== undefined || !mayAskNext) throw failed;
      }
    }
    throw failed ?? new LarderError('upstream-failed', { host: request.origin.name, reason: 'no mirror is left to ask' });
  };
}

function note(turn: Turn | undefined, request: RelayRequest, error: unknown): LarderError {
  if (request.signal?.aborted || !(error instanceof ExchangeError)) {
    turn?.abandoned();
    throw error;
  }
  if (error.stage === 'connect') turn?.failed({ error: error.error, hard: true });
  else turn?.abandoned();
  return error.error;
}

interface Asking {
  readonly request: RelayRequest;
  readonly url: URL;
  readonly fields: ReadonlyMap<string, readonly [name: string, values: string[]]>;
  agent(onRequest: (request: ClientRequest) => void): ReturnType<Agents['forRequest']>;
  release(): void;
}

/** @throws ExchangeError; LarderError (address-refused, loop, config); the signal's reason */
async function exchangeRaw({ config, agents, watch }: RelayOptions, asking: Asking): Promise<Omit<RelayedResponse, 'base'>> {
  const { request, url, fields, release } = asking;
  const { signal, body } = request;
  const { connectMs, headersMs, idleMs } = config.timeouts;
  const proxy = agents.proxyFor(url)?.host;
  let made: ClientRequest | undefined;
  let stage: 'connect' | 'sent' = 'connect';
  let timer: NodeJS.Timeout | undefined;
  let trouble: unknown;
  const stop = (error: unknown): void => {
    trouble ??= error;
    made?.destroy(error as Error);
  };
  const limit = (ms: number, reason: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stop(new LarderError('upstream-timeout', { host: url.host, reason })), ms);
  };
  const awaitHeaders = (): void => limit(headersMs, `no answer within ${headersMs} ms`);
  const abort = (): void => stop(signal?.reason);
  try {
    signal?.throwIfAborted();
    const agent = await asking.agent((sent) => {
      sent.once('proxyConnect', ({ statusCode }: { statusCode: number }) => {
        if (statusCode !== 200)
          stop(new LarderError('upstream-unreachable', { host: url.host, reason: `the proxy answered ${statusCode}` }));
      });
      onConnected(sent, () => {
        stage = 'sent';
        clearTimeout(timer);
        request.onSent?.();
        if (!body) return awaitHeaders();
        // An upload takes as long as it takes, as long as it moves; whoever waits for 100 is answered, or the client moves.
        sent.setTimeout(idleMs, () => stop(new LarderError('upstream-timeout', { host: url.host, reason: 'the upload stalled' })));
        sent.once('finish', () => {
          sent.setTimeout(0);
          awaitHeaders();
        });
      });
    });
    limit(connectMs, `no connection within ${connectMs} ms`);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort, { once: true });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      made = makeRequest({
        protocol: url.protocol,
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: portOf(url),
        path: '/',
        method: request.method,
        agent,
        maxHeaderSize: HEADER_BYTES,
        setHost: false,
      });
      made.on('error', (error) => reject(trouble === undefined ? error : (trouble as Error)));
      made.once('response', resolve);
      onInterim(made, url.host, stop, (status, raw) => request.onInformation?.(status, raw));
      // Set now: given at once, an Expect would make Node write the head before the agent has set the path.
      for (const [name, values] of fields.values()) made.setHeader(name, values.length === 1 ? (values[0] as string) : values);
      if (!body) return void made.end();
      made.flushHeaders();
      body.once('error', stop);
      body.pipe(made);
    });
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (response.statusCode === 407 && proxy !== undefined) {
      response.destroy();
      throw new LarderError('upstream-unreachable', { host: url.host, reason: 'the proxy answered 407' });
    }
    const coding = response.headers['transfer-encoding'];
    // Node undoes chunks alone. Nobody asked for more (no TE goes out), and without its field the rest could not be undone any more.
    if (coding !== undefined && !/^(?:chunked|identity)$/i.test(coding.trim())) {
      response.destroy();
      throw new LarderError('upstream-failed', {
        host: url.host,
        reason: `it sends in a transfer coding that nobody asked for: ${coding}`,
      });
    }
    return raw(asking, made as unknown as ClientRequest, response, watch);
  } catch (error) {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    made?.on('error', () => undefined).destroy();
    release();
    if (signal?.aborted) throw signal.reason;
    throw failure({ url, proxy }, trouble ?? error, stage);
  }
}

function raw(
  { request, url, release }: Asking,
  made: ClientRequest,
  response: IncomingMessage,
  watch: IdleWatch,
): Omit<RelayedResponse, 'base'> {
  const { signal } = request;
  const done = (): void => {
    signal?.removeEventListener('abort', abort);
    release();
  };
  const body = new UpstreamBody({ host: url.host, request: made, response, source: response.pipe(new PassThrough()), watch, done });
  const abort = (): void => void body.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  return {
    status: response.statusCode ?? 502,
    reason: response.statusMessage ?? '',
    httpVersion: response.httpVersion,
    fields: response.rawHeaders,
    body,
    trailers: () => response.rawTrailers,
  };
}

/** Fields by lower-case name, in the spelling that came first: several of a name stay several lines. */
function fieldsFor(
  { fields }: RelayRequest,
  own: { readonly host: string; readonly via: string; readonly userAgent: string; readonly authorization: string | undefined },
): ReadonlyMap<string, readonly [string, string[]]> {
  const grouped = new Map<string, readonly [string, string[]]>([['host', ['Host', [own.host]]]]);
  const add = (name: string, value: string): void => {
    const found = grouped.get(name.toLowerCase());
    if (found) found[1].push(value);
    else grouped.set(name.toLowerCase(), [name, [value]]);
  };
  for (let i = 0; i + 1 < fields.length; i += 2)
    if ((fields[i] as string).toLowerCase() !== 'host') add(fields[i] as string, fields[i + 1] as string);
  add('Via', own.via);
  if (!grouped.has('user-agent')) add('User-Agent', own.userAgent);
  if (own.authorization !== undefined && !grouped.has('authorization')) add('Authorization', own.authorization);
  return grouped;
}
