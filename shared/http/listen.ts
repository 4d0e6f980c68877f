/** Listening: addresses and port, limits of slow and idle clients, CONNECT, malformed requests, and the end. */
import { createServer, STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { errorCode, LarderError } from '../errors';
import { Front } from './front';
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

/** Idle connections are kept longer than package managers pause between requests. */
const PATIENCE: Patience = { headersMs: 15_000, keepAliveMs: KEEP_ALIVE_SECONDS * 1000, checkMs: 5_000 };
const HEADER_BYTES = 32 * 1024;

export interface Listening {
  readonly servers: readonly Server[];
  readonly port: number;
  /** Stops accepting, lets responses under way finish for at most `drainMs`, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

export interface ListenOptions {
  readonly addresses: readonly string[];
  /** 0: any free one (tests). */
  readonly port: number;
  readonly clients: Nets;
  /** What a CONNECT is answered with, where there are no tunnels. */
  readonly connectRefusal: string;
  readonly tunnels?: Tunnels | undefined;
  /** Who changes to another protocol, where that is possible. */
  readonly upgrades?: Upgrades | undefined;
  readonly patience?: Patience | undefined;
}

/** @throws LarderError start: the port is taken or may not be used */
export async function listen(door: Door, hot: Hot, options: ListenOptions): Promise<Listening> {
  const servers: Server[] = [];
  const front = new Front(hot, options.patience ?? PATIENCE);
  let { port } = options;
  try {
    for (const address of options.addresses) {
      const server = makeServer(door, front, options);
      await bind(server, address, port);
      servers.push(server);
      const bound = server.address();
      if (port === 0 && bound !== null && typeof bound === 'object') port = bound.port;
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return { servers, port, close: (drainMs) => closeAll(servers, front, options, drainMs) };
}

function makeServer(door: Door, front: Front, options: ListenOptions): Server {
  const { headersMs, keepAliveMs, checkMs } = options.patience ?? PATIENCE;
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
  admit(server, front, options.clients);
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
function admit(server: Server, front: Front, clients: Nets): void {
  const accept = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
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

function bind(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = errorCode(error);
      const what =
        code === 'EADDRINUSE'
          ? `port ${port} on ${address} is taken by another program`
          : code === 'EACCES'
            ? `port ${port} may not be used without privileges`
            : `cannot listen on ${address} port ${port}: ${error.message}`;
      reject(new LarderError('start', { what, remedy: 'choose another port with PORT_<cache>, or another address with GLOBAL_IP' }, error));
    });
    server.listen({ host: address, port, backlog: 4096 }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

async function closeAll(servers: readonly Server[], front: Front, { tunnels, upgrades }: ListenOptions, drainMs: number): Promise<void> {
  const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const closeIdle = (): void => {
    front.closeIdle();
    tunnels?.closeSilent();
    for (const server of servers) server.closeIdleConnections();
  };
  closeIdle();
  // Kept-alive connections that finish their response during the drain are idle afterwards.
  const sweep = setInterval(closeIdle, 100);
  const cut = setTimeout(() => {
    front.closeAll();
    tunnels?.closeAll();
    upgrades?.closeAll();
    for (const server of servers) server.closeAllConnections();
  }, drainMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
