/** Requests that are never stored, by http-proxy: search, audit, login, publish; and reads with the client's own credentials. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ProxyServer, ServerOptions } from 'http-proxy';
import type { CacheConfig, Origin } from '../config/config';
import type { PassOn } from '../engine/serve';
import { errorCode, isLarderError, LarderError } from '../errors';
import type { Way } from '../upstream/types';
import { onDeparture } from './departure';
import { forClient, forUpstream } from './passed-fields';
import { isFailure } from './refuse';

export interface PassthroughRooms {
  readonly cache: CacheConfig;
  readonly viaToken: string;
  /** Longest silence of the upstream, ms. */
  readonly headersMs: number;
  wayTo(origin: Origin, path: string, signal: AbortSignal): Promise<Way>;
  /** A successful unsafe request went through. */
  wrote(pass: PassOn): Promise<void>;
}

export interface Passed {
  readonly status: number;
  readonly bytes: number;
}

/** The client left before there was an answer. */
const LEFT: Passed = { status: 499, bytes: 0 };

/** One request that is being passed on. */
interface Passing {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly pass: PassOn;
  readonly host: string;
  /** The client asked in absolute form for an archive that it named: a redirection leads it on, and it will ask here for that too. */
  readonly followsItself: boolean;
  timedOut: boolean;
  /** Told of the upstream's answer. */
  answered(response: IncomingMessage): void;
}

export class Passthrough {
  private proxy: ProxyServer | undefined;
  /** http-proxy tells everybody's answers through one emitter: this says whose is whose. */
  private readonly under = new WeakMap<IncomingMessage, Passing>();

  constructor(private readonly rooms: PassthroughRooms) {}

  /** Sends the request on and its answer back; 499 if the client left before there was one. @throws LarderError while nothing has been sent */
  async pass(req: IncomingMessage, res: ServerResponse, pass: PassOn): Promise<Passed> {
    const leaving = new AbortController();
    const forget = onDeparture(req, res, () => leaving.abort());
    let way: Way | undefined;
    try {
      way = await this.rooms.wayTo(pass.plan.origin, pass.plan.path, leaving.signal);
      return await this.forward(req, res, pass, way, leaving.signal);
    } catch (error) {
      if (leaving.signal.aborted && !res.headersSent) return LEFT;
      throw error;
    } finally {
      way?.release();
      forget();
    }
  }

  private async forward(req: IncomingMessage, res: ServerResponse, pass: PassOn, way: Way, left: AbortSignal): Promise<Passed> {
    const { cache, viaToken } = this.rooms;
    const { url, agent, authorization } = way;
    // Told now: http-proxy changes the request's url.
    const followsItself = /^https?:/i.test(req.url ?? '') && isNamedByClient(cache, pass);
    const proxy = (this.proxy ??= await this.load());
    if (left.aborted) return LEFT;
    // A read has no body; sent on, what a client calls one could be taken for the next request (RFC 9112 §6.3).
    const bodyless = req.method === 'GET' || req.method === 'HEAD';
    // The operator's credentials read; who wants to write, or to see what is somebody's own, brings credentials for that.
    const { route } = pass.plan;
    const personal = route.kind === 'passthrough' && (route.needsCredentials === true || route.stales !== undefined);
    req.headers = forUpstream(req.headers, {
      strip: cache.clientAuth === 'strip' || !pass.plan.origin.operatorNamed || pass.anonymous === true,
      authorization: personal ? undefined : authorization,
      bodyless,
      via: `1.1 larder-${viaToken}`,
    });
    const options: ServerOptions = {
      target: url.origin,
      agent,
      changeOrigin: true,
      selfHandleResponse: true,
      proxyTimeout: this.rooms.headersMs,
    };
    if (bodyless) options.buffer = Readable.from([]);
    return new Promise((resolve, reject) => {
      const answered = (response: IncomingMessage): void => void this.relay(passing, response, left).then(resolve, reject);
      const passing: Passing = { req, res, pass, host: url.host, followsItself, timedOut: false, answered };
      this.under.set(req, passing);
      // Whoever leaves before there is an answer would be waited for in vain: http-proxy tells nobody.
      left.addEventListener('abort', () => res.headersSent || resolve(LEFT));
      proxy.web(req, res, options, (error) => reject(failure(passing, cache, error)));
    });
  }

  private async relay(passing: Passing, response: IncomingMessage, left: AbortSignal): Promise<Passed> {
    const { req, res, pass, host } = passing;
    const status = response.statusCode ?? 502;
    if (status >= 300 && status < 400 && status !== 304 && !passing.followsItself) {
      response.destroy();
      throw new LarderError('upstream-failed', { host, reason: `it redirects this request (status ${status}), which is not followed` });
    }
    if ((pass.plan.route.failure ?? 'status') !== 'status' && isFailure(status)) {
      response.destroy();
      throw new LarderError('upstream-failed', { host, reason: `status ${status}` });
    }
    if (status < 300 && pass.pass === 'write') await this.rooms.wrote(pass);
    res.writeHead(status, [
      ...forClient(response.rawHeaders),
      'X-Cache',
      'pass',
      'Cache-Status',
      `Larder; fwd=bypass; detail=${pass.pass}`,
    ]);
    return new Promise((resolve) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      // A body that breaks off must not look whole.
      response.once('aborted', () => res.destroy());
      response.once('error', () => res.destroy());
      const over = (): void => {
        response.destroy();
        resolve({ status, bytes });
      };
      // Of a response that still waits for its turn on the connection Node tells nothing but what the connection does.
      if (left.aborted) over();
      else left.addEventListener('abort', over);
      if (req.method === 'HEAD') {
        response.resume();
        res.end();
      } else response.pipe(res);
    });
  }

  private async load(): Promise<ProxyServer> {
    const { createProxyServer } = await import('http-proxy');
    const proxy = createProxyServer({});
    proxy.on('proxyReq', (asked, req) => asked.once('timeout', () => this.timedOut(req)));
    proxy.on('proxyRes', (response, req) => this.under.get(req)?.answered(response));
    return proxy;
  }

  private timedOut(req: IncomingMessage): void {
    const passing = this.under.get(req);
    if (passing) passing.timedOut = true;
  }
}

function failure({ host, timedOut, pass }: Passing, cache: CacheConfig, error: unknown): LarderError {
  // No redirect is followed here, so who led to the address of an archive is the client that named it.
  if (isNamedByClient(cache, pass) && isLarderError(error) && error.code === 'address-refused')
    return new LarderError('target-refused', { ...error.facts, remedy: error.remedy }, error);
  if (isLarderError(error)) return error;
  if (timedOut) return new LarderError('upstream-timeout', { host, reason: 'it did not answer a request that was passed on' }, error);
  return new LarderError('upstream-unreachable', { host, reason: errorCode(error) ?? String(error) }, error);
}

/** Whether the origin is an archive that the client named (see archives.ts), not one of the configuration. */
function isNamedByClient(cache: CacheConfig, { plan }: PassOn): boolean {
  return !cache.origins.includes(plan.origin) && plan.path.startsWith('/');
}
