/**
 * A scripted upstream on loopback for flow tests: says what it is told to, in sequence, and remembers what it was asked.
 * It never keeps the process alive.
 */
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { sendReply, type Reply } from './reply';

export type { Reply } from './reply';

/** Answers by itself; anything it throws becomes a 500. */
export type Handler = (request: IncomingMessage, response: ServerResponse, seen: SeenRequest) => unknown;
/** What is answered: this, or what is made of the request. */
export type Behaviour = Reply | Handler;

/** One request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  /** Raw request target: path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** ms since the epoch. */
  readonly time: number;
  /** The groups of the RegExp that matched; the whole path first. */
  readonly match: readonly string[];
  /** The request's body; resolves when it is whole. */
  readonly body: Promise<Buffer>;
}

/** A server that answers as it was told, and notes what it was asked. */
export interface FakeUpstream {
  /** `http://127.0.0.1:<port>`, no trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Every request since the start or the last `forget()`, in order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** How many requests had this path (string: exactly, with query; RegExp: tested on it); of one method if given. */
  count(path: string | RegExp, method?: string): number;
  /**
   * What a path is answered with: the behaviours in turn, the last one from then on. A later `on` for the same path
   * replaces the former; of several that match, the latest wins. Unscripted paths get 404.
   */
  on(path: string | RegExp, ...behaviours: [Behaviour, ...Behaviour[]]): FakeUpstream;
  /** Forgets requests and counts, not the script. */
  forget(): void;
  /** TCP connections: open now, most at a time, all that ever came; and requests being answered: now and most at a time. */
  readonly connections: { readonly open: number; readonly most: number; readonly total: number };
  readonly active: { readonly now: number; readonly most: number };
  /** Closes the port and every connection: from now on connections are refused. */
  down(): Promise<void>;
  /** Listens again on the same port. */
  up(): Promise<void>;
  /** Closes every connection without closing the port. */
  cutAll(): void;
  close(): Promise<void>;
}

/** Where it listens, and how. */
export interface FakeUpstreamOptions {
  /** 0 (any) unless given. */
  readonly port?: number;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** PEM; makes it an https upstream. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** How long an idle connection is kept, ms; 5000 unless given. */
  readonly keepAliveMs?: number;
}

interface Rule {
  readonly path: string | RegExp;
  readonly behaviours: readonly Behaviour[];
  used: number;
}

/** Starts a fake upstream. @throws NodeJS.ErrnoException if the port is taken */
export async function startUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const host = options.host ?? '127.0.0.1';
  const sockets = new Set<Socket>();
  const connections = { open: 0, most: 0, total: 0 };
  const active = { now: 0, most: 0 };
  const requests: SeenRequest[] = [];
  let rules: Rule[] = [];

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    active.most = Math.max(active.most, ++active.now);
    response.once('close', () => active.now--);
    response.on('error', () => {});
    const path = request.url ?? '/';
    const rule = rules.find((each) => matches(each.path, path));
    const seen = see(request, rule);
    requests.push(seen);
    const behaviour = rule?.behaviours[Math.min(rule.used++, rule.behaviours.length - 1)] ?? { status: 404, body: 'no such path here\n' };
    if (typeof behaviour === 'function') await behaviour(request, response, seen);
    else await sendReply(request, response, behaviour);
  };

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(`fake upstream: ${String(error)}\n`);
    });
  };

  const server: Server = options.tls ? createSecure(options.tls, listener) : createPlain(listener);
  server.keepAliveTimeout = options.keepAliveMs ?? 5000;
  server.requestTimeout = 0;
  server.on('connection', (socket: Socket) => {
    socket.unref();
    socket.on('error', () => {});
    sockets.add(socket);
    connections.total++;
    connections.most = Math.max(connections.most, ++connections.open);
    socket.once('close', () => {
      sockets.delete(socket);
      connections.open--;
    });
  });
  await listen(server, options.port ?? 0, host);
  server.unref();
  const { port } = server.address() as AddressInfo;

  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const down = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    cutAll();
    await closed;
  };

  const upstream: FakeUpstream = {
    url: `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    requests,
    connections,
    active,
    count: (path, method) => requests.filter((each) => matches(path, each.path) && (method === undefined || each.method === method)).length,
    on(path, ...behaviours) {
      rules = [{ path, behaviours, used: 0 }, ...rules.filter((each) => String(each.path) !== String(path))];
      return upstream;
    },
    forget() {
      requests.length = 0;
      Object.assign(connections, { most: connections.open, total: connections.open });
      active.most = active.now;
    },
    down,
    up: async () => {
      if (server.listening) return;
      await listen(server, port, host);
      server.unref();
    },
    cutAll,
    close: down,
  };
  return upstream;
}

function matches(rule: string | RegExp, path: string): boolean {
  return typeof rule === 'string' ? rule === path : new RegExp(rule.source, rule.flags.replace(/[gy]/g, '')).test(path);
}

function see(request: IncomingMessage, rule: Rule | undefined): SeenRequest {
  const path = request.url ?? '/';
  const match =
    rule && typeof rule.path !== 'string'
      ? [...(path.match(new RegExp(rule.path.source, rule.path.flags.replace('g', ''))) ?? [path])]
      : [path];
  const body = new Promise<Buffer>((resolve, reject) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.once('end', () => resolve(Buffer.concat(pieces)));
    request.once('error', reject);
  });
  body.catch(() => {});
  return { method: request.method ?? 'GET', path, headers: request.headers, time: Date.now(), match, body };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
