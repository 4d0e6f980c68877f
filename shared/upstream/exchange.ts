/** One request to one URL and the head of its response; the only importer of node-fetch. Knows no mirrors, redirects or slots. */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { PassThrough, Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Timeouts } from '../config/config';
import { errorCode, isLarderError, LarderError } from '../errors';
import { UpstreamBody, type IdleWatch } from './body';
import { responseHeaders } from './headers';
import { isTlsCode, reasonOf } from './reasons';
import { ABANDONED } from './tunnel-events';

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeouts: Timeouts;
  readonly watch: IdleWatch;
  /** host:port of the proxy it goes through, for the reason. */
  readonly proxy?: string | undefined;
  agent(onRequest: (request: ClientRequest) => void): Promise<Agent>;
  /** Called once when the connection is no longer used, also when `exchange` throws. */
  done(): void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: UpstreamBody;
}

/** Why there is no response. `stage` says how far it came: nothing was sent before `sent`. */
export class ExchangeError extends Error {
  constructor(
    readonly error: LarderError,
    readonly stage: 'connect' | 'sent',
    /** The connection was reset or closed before any answer: perhaps only a kept one that had died. */
    readonly isReset: boolean,
  ) {
    super(error.message);
  }
}

/** Loads what requests are made with. Node remembers for ever that a package was not found, also where only too many files were open. */
export function loadFetch(): Promise<typeof import('node-fetch')> {
  return import('node-fetch');
}

/**
 * Asks once. @throws ExchangeError; LarderError (address-refused, loop, config); the signal's reason.
 * The body must be read or destroyed.
 */
export async function exchange(asked: Exchange): Promise<Answer> {
  const { url, timeouts, signal, watch } = asked;
  let request: ClientRequest | undefined;
  let response: IncomingMessage | undefined;
  let stage: 'connect' | 'sent' = 'connect';
  let timer: NodeJS.Timeout | undefined;
  let trouble: unknown;
  let giveUp!: (error: Error) => void;
  const givenUp = new Promise<never>((_, reject) => (giveUp = reject));
  givenUp.catch(() => {});
  const stop = (error: unknown): void => {
    trouble ??= error;
    request?.destroy();
    // A request without a connection yet tells nobody that it was destroyed.
    request?.emit(ABANDONED);
    giveUp(new Error('given up'));
  };
  const limit = (ms: number, reason: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stop(new LarderError('upstream-timeout', { host: url.host, reason })), ms);
  };
  const abort = (): void => stop(signal?.reason);
  const awaitHeaders = (): void => limit(timeouts.headersMs, `no answer within ${timeouts.headersMs} ms`);

  const onRequest = (made: ClientRequest): void => {
    request = made;
    made.on('error', (error) => (trouble ??= error));
    made.once('response', (head: IncomingMessage) => (response = head));
    made.once('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) stop(new LarderError('upstream-unreachable', { host: url.host, reason: `the proxy answered ${statusCode}` }));
    });
    onInterim(made, url.host, stop);
    onConnected(made, () => {
      stage = 'sent';
      clearTimeout(timer);
      if (asked.body === undefined || made.writableFinished) return awaitHeaders();
      // An upload takes as long as it takes, as long as it moves.
      made.setTimeout(timeouts.idleMs, () => stop(new LarderError('upstream-timeout', { host: url.host, reason: 'the upload stalled' })));
      made.once('finish', () => {
        made.setTimeout(0);
        if (!response) awaitHeaders();
      });
    });
  };

  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort, { once: true });
    const { default: fetch } = await loadFetch();
    const agent = await asked.agent(onRequest);
    limit(timeouts.connectMs, `no connection within ${timeouts.connectMs} ms`);
    const asking = fetch(url.href, {
      method: asked.method,
      headers: asked.headers as Record<string, string>,
      ...(asked.body === undefined ? {} : { body: asked.body }),
      agent,
      compress: false,
      redirect: 'manual',
      follow: 0,
    });
    asking.catch(() => {});
    const answer = await Promise.race([asking, givenUp]);
    clearTimeout(timer);
    if (!request || !response) throw new Error('no response');
    if (response.statusCode === 407 && asked.proxy !== undefined)
      throw new LarderError('upstream-unreachable', { host: url.host, reason: 'the proxy answered 407' });
    const body = new UpstreamBody({
      host: url.host,
      request,
      response,
      source: answer.body as PassThrough,
      watch,
      done: () => {
        signal?.removeEventListener('abort', abortBody);
        asked.done();
      },
    });
    const abortBody = (): void => void body.destroy(signal?.reason as Error);
    signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abortBody, { once: true });
    return { status: answer.status, headers: responseHeaders(response.rawHeaders), body };
  } catch (error) {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    request?.destroy();
    asked.done();
    if (signal?.aborted) throw signal.reason;
    throw failure(asked, trouble ?? error, stage);
  }
}

/** Calls back when the request has a connection, with TLS where the URL wants it. */
export function onConnected(request: ClientRequest, connected: () => void): void {
  request.once('socket', (socket: TLSSocket & { secureConnecting?: boolean }) => {
    if (socket.encrypted && (socket.connecting || socket.secureConnecting)) socket.once('secureConnect', connected);
    else if (socket.connecting) socket.once('connect', connected);
    else connected();
  });
}

/** Interim answers (1xx) to one request; who sends more goes on for ever. */
const MOST_INTERIM = 100;

/** Stops a request whose answer never comes for interim ones (RFC 9110 §15.2). @param tell is told of each */
export function onInterim(
  request: ClientRequest,
  host: string,
  stop: (error: LarderError) => void,
  tell?: (status: number, rawHeaders: string[]) => void,
): void {
  let count = 0;
  request.on('information', ({ statusCode, rawHeaders }: { statusCode: number; rawHeaders: string[] }) => {
    if (++count <= MOST_INTERIM) return tell?.(statusCode, rawHeaders);
    if (count === MOST_INTERIM + 1) stop(new LarderError('upstream-failed', { host, reason: `more than ${MOST_INTERIM} interim answers` }));
  });
}

/** What to throw for an exchange that came to nothing. */
export function failure(asked: Pick<Exchange, 'url' | 'proxy'>, trouble: unknown, stage: 'connect' | 'sent'): Error {
  if (isLarderError(trouble)) {
    const passesOn = trouble.code === 'address-refused' || trouble.code === 'loop' || trouble.code === 'config';
    return passesOn ? trouble : new ExchangeError(trouble, stage, false);
  }
  const code = errorCode(trouble);
  const isReset = stage === 'sent' && (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED');
  const where = stage === 'connect' && asked.proxy !== undefined && !isTlsCode(code) ? `through the proxy ${asked.proxy}: ` : '';
  const kind = stage === 'connect' ? 'upstream-unreachable' : 'upstream-failed';
  return new ExchangeError(new LarderError(kind, { host: asked.url.host, reason: where + reasonOf(trouble) }, trouble), stage, isReset);
}
