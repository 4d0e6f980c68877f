/** Listening: addresses and port, limits of slow and idle clients, CONNECT, malformed requests, and the end. */
import { createServer, Server as HttpServer, STATUS_CODES, type Server } from 'node:http';
import { Server as TcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, LarderError } from '../errors';
import { Front } from './front';
import { closeGently } from './close-unanswered';
import { Connections } from './connections';
import { KEEP_ALIVE_SECONDS, type Hot } from './hot';
import type { Door } from './server';
import type { Nets } from './nets';
import type { Tunnels } from './tunnels';
import type { Upgrades } from './upgrades';

/** How long slow and idle clients are borne, in ms. */
export interface Patience {
  /** A client that has not sent its whole header by then is cut (slow-header attacks). */
  readonly headersMs: number;
  /** An idle connection is kept this long. */
  readonly keepAliveMs: number;
  /** How often that is looked at. */
  readonly checkMs: number;
}

/** A request that was sent before the client was told that the time is over may be on its way for so long. */
const ON_ITS_WAY_MS = 900;

/** @param keepAliveSeconds how long clients are told that an idle connection is kept; usually longer than package managers pause */
export function patienceOf(keepAliveSeconds = KEEP_ALIVE_SECONDS): Patience {
  return { headersMs: 15_000, keepAliveMs: keepAliveSeconds * 1000 + ON_ITS_WAY_MS, checkMs: 5_000 };
}
const HEADER_BYTES = 32 * 1024;
/** How often connections are looked at while all of them come to their end, in ms. */
const SWEEP_MS = 100;

/** Where clients reach this process. */
export interface Listener {
  readonly address: string;
  readonly port: number;
}

export interface Listening {
  /** As they really are; at least one. */
  readonly listeners: readonly Listener[];
  readonly port: number;
  /** Connections that there are. */
  readonly connections: number;
  /**
   * Lets responses under way finish for at most `drainMs`, then cuts what is left. Until those connections are at their end that there were, and
   * no longer than `quietMs` before the cut, others are accepted too: whoever comes later is refused, unless the sockets were inherited.
   * @param quietMs how long a connection on which nothing is under way is waited for: a request may be on its way; 0: not at all, and nobody is
   *   accepted any more
   */
  close(drainMs: number, quietMs: number): Promise<void>;
}

export interface ListenOptions {
  /** Descriptors of sockets that listen already; where there are some, addresses and port are those of the sockets. */
  readonly inherited?: readonly number[] | undefined;
  readonly addresses: readonly string[];
  /** 0: any free one (tests). */
  readonly port: number;
  /** The setting that says which, for people. */
  readonly portSetting: string;
  readonly clients: Nets;
  /** What a CONNECT is answered with, where there are no tunnels. */
  readonly connectRefusal: string;
  readonly tunnels?: Tunnels | undefined;
  /** Who changes to another protocol, where that is possible. */
  readonly upgrades?: Upgrades | undefined;
  readonly patience?: Patience | undefined;
}

/** @throws LarderError start: the port is taken or may not be used, or what was inherited is no socket for TCP */
export async function listen(door: Door, hot: Hot, options: ListenOptions): Promise<Listening> {
  const { inherited = [], addresses } = options;
  const servers: Server[] = [];
  const listeners: Listener[] = [];
  const doors: Doors = { door, front: new Front(hot, options.patience ?? patienceOf()), connections: new Connections(), options };
  try {
    for (const place of inherited.length > 0 ? inherited : addresses) {
      const server = makeServer(doors);
      servers.push(server);
      const port = listeners[0]?.port ?? options.port;
      listeners.push(await (typeof place === 'number' ? adopt(server, place) : bind(server, place, port, options.portSetting)));
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return {
    listeners,
    port: listeners[0]?.port ?? options.port,
    get connections() {
      return doors.connections.size;
    },
    close: (drainMs, quietMs) => closeAll(servers, doors, drainMs, quietMs),
  };
}

/** What a connection goes through. */
interface Doors {
  readonly door: Door;
  readonly front: Front;
  readonly connections: Connections;
  readonly options: ListenOptions;
}

function makeServer(doors: Doors): Server {
  const { door, options } = doors;
  const { headersMs, keepAliveMs, checkMs } = options.patience ?? patienceOf();
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: headersMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: checkMs,
      requestTimeout: 0,
      noDelay: true,
      highWaterMark: 256 * 1024,
    },
    door.handle,
  );
  admit(server, doors);
  // Of an idle connection: node:http would reset what has just come over it.
  server.on('timeout', closeGently);
  server.on('connect', (req, socket: Socket, head: Buffer) => {
    // What is said now would stand in the middle of a response.
    if (door.isAnswering(socket)) socket.destroy();
    else if (options.tunnels) options.tunnels.take(req, socket, head);
    else plain(socket, 405, `${options.connectRefusal}\n`, 'Allow: GET, HEAD\r\n');
  });
  server.on('checkContinue', door.handleExpecting);
  server.on('upgrade', (req, socket: Socket, head: Buffer) => {
    // What is said now would stand in the middle of a response.
    if (door.isAnswering(socket)) socket.destroy();
    else if (options.upgrades) options.upgrades.take(req, socket, head, () => server.emit('connection', socket));
    else plain(socket, 400, 'this cache knows no other protocol\n');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    plain(socket, status, `${STATUS_CODES[status]}\n`);
  });
  return server;
}

/** Who may not connect never gets as far as a parser: nothing that he sends is acted on. The others meet the hit path first. */
function admit(server: Server, { front, connections, options: { clients } }: Doors): void {
  const accept = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    const handOver = (): void => accept.forEach((listener) => listener.call(server, socket));
    if (clients.has(socket.remoteAddress)) front.take(socket, handOver);
    else plain(socket.resume(), 403, `the address ${socket.remoteAddress} may not use this cache; add its network to CLIENT_NETS\n`);
  });
}

/** A response written by hand, for what never becomes a request; the connection ends with it. */
function plain(socket: Socket, status: number, text: string, extra = ''): void {
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${extra}Connection: close\r\n\r\n${text}`,
  );
  // A client that goes on sending would keep the half-closed connection.
  setTimeout(() => socket.destroy(), 1000).unref();
}

function bind(server: Server, address: string, port: number, portSetting: string): Promise<Listener> {
  return start(server, { host: address, port }, (error) => {
    const code = errorCode(error);
    const what =
      code === 'EADDRINUSE'
        ? `port ${port} on ${address} is taken by another program`
        : code === 'EACCES'
          ? `port ${port} may not be used without privileges`
          : `cannot listen on ${address} port ${port}: ${error.message}`;
    return new LarderError(
      'start',
      { what, remedy: `end that, choose another port with ${portSetting}, or another address with GLOBAL_IP` },
      error,
    );
  });
}

function adopt(server: Server, fd: number): Promise<Listener> {
  return start(server, { fd }, (error) => {
    const what = `the descriptor ${fd} that was handed over is no listening TCP socket (${errorCode(error) ?? error.message})`;
    const remedy = 'the socket unit needs ListenStream= with a port, and Accept=no; make install-sockets writes one';
    return new LarderError('start', { what, remedy }, error);
  });
}

/** @returns the real address @throws LarderError made by `refusal` */
function start(
  server: Server,
  place: { readonly host: string; readonly port: number } | { readonly fd: number },
  refusal: (error: Error) => LarderError,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(refusal(error)));
    server.listen({ ...place, backlog: 4096 }, () => {
      const bound = server.address();
      // A Unix socket has a path, or no name at all.
      if (bound === null || typeof bound === 'string') return reject(refusal(new Error('it is a Unix socket')));
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve({ address: bound.address, port: bound.port });
    });
  });
}

async function closeAll(servers: readonly Server[], doors: Doors, drainMs: number, quietMs: number): Promise<void> {
  const { door, front, connections, options } = doors;
  const { tunnels, upgrades } = options;
  const isGentle = quietMs > 0;
  door.isEnding = front.isEnding = isGentle;
  const isBusy = (socket: Socket): boolean =>
    door.isAnswering(socket) || socket.writableLength > 0 || tunnels?.has(socket) === true || upgrades?.has(socket) === true;
  const closeIdle = (): void => {
    tunnels?.closeSilent();
    if (isGentle) return connections.closeQuiet(quietMs, isBusy);
    front.closeIdle();
    for (const server of servers) server.closeIdleConnections();
  };
  closeIdle();
  // Kept-alive connections that finish their response during the drain are idle afterwards.
  const sweep = setInterval(closeIdle, SWEEP_MS);
  const cut = setTimeout(() => {
    upgrades?.closeAll();
    tunnels?.closeAll();
    connections.closeAll();
  }, drainMs);
  // Who comes to an inherited socket from now on is the next process's; to another one, nobody's until that process is there, which is when all of
  // these have ended.
  const isOnlyOurs = isGentle && (options.inherited ?? []).length === 0;
  const all = connections.all();
  for (
    const until = performance.now() + drainMs - quietMs;
    isOnlyOurs && all.some(({ destroyed }) => !destroyed) && performance.now() < until;
  )
    await sleep(SWEEP_MS);
  // That of node:http ends idle connections at once, whatever is on its way over them.
  const end: TcpServer['close'] = isGentle ? TcpServer.prototype.close : HttpServer.prototype.close;
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => void end.call(server, () => resolve()))));
  clearInterval(sweep);
  clearTimeout(cut);
}
