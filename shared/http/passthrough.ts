/** Requests that are never stored, by http-proxy: search, audit, login, publish; and reads with the client's own credentials. */
import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
import type { ProxyServer } from 'http-proxy';
import type { CacheConfig, Origin } from '../config/config';
import type { PassOn } from '../engine/serve';
import { LarderError } from '../errors';

/** Fields of a client's request that are for this hop, or for this cache, only. */
const NOT_PASSED = ['cookie', 'cookie2', 'proxy-authorization', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-prefix'];
/** What a client must not be sent: cookies of the upstream, and fields for its hop. */
const NOT_RETURNED = ['set-cookie', 'set-cookie2', 'alt-svc', 'strict-transport-security', 'npm-notice', 'keep-alive', 'connection', 'transfer-encoding'];

export interface PassthroughRooms {
  readonly cache: CacheConfig;
  readonly viaToken: string;
  readonly headersMs: number;
  /** An agent for one request to an origin's first mirror: proxy, CA and address checks included. */
  agentFor(origin: Origin): Promise<Agent>;
  /** A successful unsafe request went through. */
  wrote(pass: PassOn): Promise<void>;
}

export interface Passed {
  readonly status: number;
  readonly bytes: number;
}

export class Passthrough {
  private proxy: ProxyServer | undefined;
  /** http-proxy tells everybody's answers through one emitter: this says whose is whose. */
  private readonly waiting = new WeakMap<IncomingMessage, (response: IncomingMessage) => void>();

  constructor(private readonly rooms: PassthroughRooms) {}

  /** Sends the request on and its answer back. @throws LarderError while nothing has been sent */
  async pass(req: IncomingMessage, res: ServerResponse, pass: PassOn): Promise<Passed> {
    const { origin, path } = pass.plan;
    const base = origin.bases[0];
    if (base === undefined) throw new LarderError('not-configured', { cache: this.rooms.cache.name });
    const agent = await this.rooms.agentFor(origin);
    const proxy = (this.proxy ??= await this.load());
    this.clean(req, origin.authorization);
    req.url = path;
    return new Promise((resolve, reject) => {
      this.waiting.set(req, (response) => this.relay(req, res, pass, response, base).then(resolve, reject));
      const options = { target: base, agent, changeOrigin: true, selfHandleResponse: true, proxyTimeout: this.rooms.headersMs };
      proxy.web(req, res, options, (error) => {
        const reason = (error as NodeJS.ErrnoException).code ?? error.message;
        reject(new LarderError('upstream-unreachable', { host: new URL(base).host, reason }, error));
      });
    });
  }

  private clean(req: IncomingMessage, own: string | undefined): void {
    for (const name of NOT_PASSED) delete req.headers[name];
    for (const name of (req.headers.connection ?? '').split(',')) delete req.headers[name.trim().toLowerCase()];
    if (this.rooms.cache.clientAuth === 'strip') {
      delete req.headers.authorization;
      delete req.headers['npm-otp'];
    }
    if (own !== undefined && req.headers.authorization === undefined) req.headers.authorization = own;
    req.headers.via = [req.headers.via, `1.1 larder-${this.rooms.viaToken}`].filter(Boolean).join(', ');
  }

  private async relay(req: IncomingMessage, res: ServerResponse, pass: PassOn, response: IncomingMessage, base: string): Promise<Passed> {
    const status = response.statusCode ?? 502;
    if (status >= 300 && status < 400 && status !== 304) {
      response.destroy();
      throw new LarderError('upstream-failed', { host: new URL(base).host, reason: `it redirects this request (status ${status}), which is not followed` });
    }
    if (status < 300 && pass.pass === 'write') await this.rooms.wrote(pass);
    const headers: string[] = [];
    const dropped = new Set([...NOT_RETURNED, ...(response.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())]);
    for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
      const name = response.rawHeaders[i] as string;
      if (!dropped.has(name.toLowerCase())) headers.push(name, response.rawHeaders[i + 1] as string);
    }
    headers.push('X-Cache', 'pass', 'Cache-Status', `Larder; fwd=bypass; detail=${pass.pass}`);
    res.writeHead(status, headers);
    return new Promise((resolve) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      // A body that breaks off must not look whole.
      response.once('aborted', () => res.destroy());
      response.once('error', () => res.destroy());
      res.once('close', () => {
        response.destroy();
        resolve({ status, bytes });
      });
      if (req.method === 'HEAD') {
        response.resume();
        res.end();
      } else response.pipe(res);
    });
  }

  private async load(): Promise<ProxyServer> {
    const { createProxyServer } = await import('http-proxy');
    const proxy = createProxyServer({});
    proxy.on('proxyRes', (response, req) => this.waiting.get(req)?.(response));
    return proxy;
  }
}
