/**
 * What clients get whose connection woke a cache that cannot start: 503 with the reason, instead of a connection that nobody answers. It stays
 * for a while, so that clients which try again do not wake it more often than systemd allows unless told otherwise (StartLimitIntervalSec= in
 * systemd.unit(5); our own units do, ADR 54); then it exits as if all were well, and the sockets go on listening.
 */
import { createServer, type Server } from 'node:http';
import { Server as TcpServer, type Socket } from 'node:net';
import { cleanFact } from '../log/redact';

/** Of five starts in ten seconds, systemd's usual limit, at most two are used. */
const STAY_MS = 5_000;
/** A connection without a request is waited for so long. */
const HEADERS_MS = 10_000;

/** A descriptor that was inherited, or an address of this machine. */
type Place = { readonly fd: number } | { readonly host: string; readonly port: number };

/**
 * Answers on inherited sockets, or at an address of this machine. Resolves when it is over.
 * @param reason why the start failed; what is secret in it is hidden @param stayMs least time
 * @returns false if nobody can listen at one of the places
 */
export async function refuseAll(
  places: readonly Place[],
  reason: string,
  { stayMs = STAY_MS, whenListening }: { readonly stayMs?: number; readonly whenListening?: () => void } = {},
): Promise<boolean> {
  const text = `${cleanFact('reason', reason.replace(/\s+/g, ' ').trim()).replaceAll('\\x22', '"')}\n`;
  const fields = {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Retry-After': 10,
    Connection: 'close',
  };
  const servers: Server[] = [];
  const open = new Set<Socket>();
  for (const place of places) {
    const server = createServer(
      { headersTimeout: HEADERS_MS, requestTimeout: HEADERS_MS, connectionsCheckingInterval: 1000 },
      (req, res) => {
        res.writeHead(503, fields).end(req.method === 'HEAD' ? undefined : text);
        req.resume();
      },
    );
    const raw = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    server.on('connect', (_req, socket: Socket) => socket.end(`HTTP/1.1 503 Service Unavailable\r\n${raw.join('')}\r\n${text}`));
    server.on('connection', (socket: Socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket)).on('error', () => socket.destroy());
    });
    if (!(await listens(server, place))) return false;
    servers.push(server);
  }
  whenListening?.();
  // Told to end (what was wrong is mended, and it is to start anew), it does so at once.
  await new Promise<void>((resolve) => {
    setTimeout(resolve, stayMs);
    process.once('SIGTERM', () => resolve());
  });
  // Those who connect from now on are for the next process; who is here already gets the answer.
  const closed = servers.map((server) => new Promise<void>((resolve) => void TcpServer.prototype.close.call(server, () => resolve())));
  const cut = setTimeout(() => open.forEach((socket) => socket.destroy()), HEADERS_MS + 2000);
  await Promise.all(closed);
  clearTimeout(cut);
  return true;
}

function listens(server: Server, place: Place): Promise<boolean> {
  return new Promise((resolve) => server.once('error', () => resolve(false)).listen(place, () => resolve(true)));
}
