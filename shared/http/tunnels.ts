/**
 * CONNECT: tunnels to archives that clients speak TLS with themselves. What goes through is neither seen nor kept. A tunnel leads to
 * allowed hosts on one port only, and the address is judged by the upstream room when the connection is made: never an open relay.
 */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ERRORS, LarderError } from '../errors';
import type { Log } from '../log/types';
import { settingOf, type Archives } from './archives';
import type { Counters } from './counters';
import { asLarderError } from './refuse';

/** Tunnels at a time; each holds two connections. */
const MOST_TUNNELS = 256;
/** A tunnel in which nothing moves is closed; clients keep connections for less than that. */
const IDLE_MS = 120_000;
/** When the cache ends, tunnels that have been silent for so long are not waited for. */
const SILENT_MS = 500;

export interface TunnelRooms {
  readonly cacheName: string;
  /** The only port that tunnels may lead to. */
  readonly port: number;
  readonly archives: Archives;
  /** Nobody is to be asked (OFFLINE). */
  readonly offline: boolean;
  /** Judges the address and connects. @throws LarderError */
  connect(host: string, port: number, signal: AbortSignal): Promise<Socket>;
  readonly counters: Counters;
  readonly log: Log;
  readonly viaToken: string;
  readonly most?: number;
  readonly idleMs?: number;
}

interface Tunnel {
  readonly client: Socket;
  readonly far: Socket;
  /** What had moved when it was looked at last, and when that had changed. */
  moved: number;
  movedAt: number;
}

export class Tunnels {
  /** From the CONNECT on, also while nothing is connected yet. */
  private readonly clients = new Set<Socket>();
  private readonly open = new Set<Tunnel>();

  constructor(private readonly rooms: TunnelRooms) {}

  /** Takes a connection over after its CONNECT. @param head what the client sent already, without waiting */
  take(req: IncomingMessage, client: Socket, head: Buffer): void {
    const began = performance.now();
    const authority = req.url ?? '';
    client.on('error', () => client.destroy());
    const note = (status: number, bytes: number, outcome: 'pass' | 'error'): void => {
      this.rooms.counters.count(outcome, 'tunnel', bytes);
      const shown = outcome === 'pass' ? 'pass (tunnel)' : outcome;
      const ms = performance.now() - began;
      this.rooms.log.access({
        address: client.remoteAddress ?? '-',
        method: 'CONNECT',
        target: authority,
        status,
        bytes,
        outcome: shown,
        ms,
      });
    };
    this.clients.add(client);
    client.once('close', () => this.clients.delete(client));
    this.dig(req, client, head, authority)
      .then((far) => {
        if (far === undefined) return note(499, 0, 'error');
        far.once('close', () => note(200, far.bytesRead, 'pass'));
      })
      .catch((error: unknown) => {
        const { status, message, remedy, code, facts } = asLarderError(error);
        const { level } = ERRORS[code];
        if (level !== 'info') this.rooms.log[level](code, facts);
        note(status, 0, 'error');
        answer(client, status, remedy === '' ? message : `${message}; ${remedy}`);
      });
  }

  /** Ends tunnels in which nothing moves, when the cache ends. */
  closeSilent(now = performance.now()): void {
    for (const tunnel of this.open) {
      const moved = tunnel.client.bytesRead + tunnel.far.bytesRead;
      if (moved !== tunnel.moved) [tunnel.moved, tunnel.movedAt] = [moved, now];
      else if (now - tunnel.movedAt >= SILENT_MS) tunnel.client.destroy();
    }
  }

  /** Tunnels under way, also those that are not connected yet. */
  get underWay(): number {
    return this.clients.size;
  }

  has(client: Socket): boolean {
    return this.clients.has(client);
  }

  closeAll(): void {
    for (const client of this.clients) client.destroy();
  }

  /** @returns the connection behind the tunnel; undefined if the client left before there was one @throws LarderError */
  private async dig(req: IncomingMessage, client: Socket, head: Buffer, authority: string): Promise<Socket | undefined> {
    const { host, port } = this.permitted(req, authority);
    const leaving = new AbortController();
    const leave = (): void => leaving.abort();
    client.once('close', leave);
    let far: Socket;
    try {
      far = await this.rooms.connect(host, port, leaving.signal);
    } catch (error) {
      if (client.destroyed) return undefined;
      throw error;
    } finally {
      client.off('close', leave);
    }
    far.on('error', () => far.destroy());
    if (client.destroyed) {
      far.destroy();
      return undefined;
    }
    this.join(client, far, head);
    return far;
  }

  /** @throws LarderError bad-target | target-refused | overloaded | loop, before anybody is asked */
  private permitted(req: IncomingMessage, authority: string): { host: string; port: number } {
    const { archives, cacheName, port: only, most = MOST_TUNNELS, viaToken, offline } = this.rooms;
    if (offline) throw new LarderError('offline-pass', { target: authority });
    if (req.headers.via?.includes(`larder-${viaToken}`) === true) throw new LarderError('loop', { cache: cacheName });
    // RFC 9112 §3.2.3: host and port, nothing else.
    const [, host = '', digits = ''] = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\]):(\d{1,5})$/i.exec(authority) ?? [];
    const port = Number(digits);
    if (host === '' || port < 1 || port > 65_535) throw new LarderError('bad-target', { reason: 'CONNECT takes a host and a port' });
    if (port !== only) {
      const reason = `tunnels lead to port ${only} only`;
      throw new LarderError('target-refused', { host: authority, reason, remedy: 'use plain http for archives at other ports' });
    }
    if (!archives.mayTunnel(host, port)) throw archives.refusal(host, `it is no archive that ${settingOf(cacheName)} allows`);
    if (this.clients.size > most) throw new LarderError('overloaded', { what: `there are ${most} tunnels already` });
    return { host: host.toLowerCase().replace(/\.$/, ''), port };
  }

  private join(client: Socket, far: Socket, head: Buffer): void {
    const tunnel: Tunnel = { client, far, moved: 0, movedAt: performance.now() };
    this.open.add(tunnel);
    // Either side may say that it is done and still listen.
    far.allowHalfOpen = true;
    far.setNoDelay(true);
    const { idleMs = IDLE_MS } = this.rooms;
    far.setTimeout(idleMs, () => far.destroy());
    far.once('close', () => {
      this.open.delete(tunnel);
      client.destroySoon();
    });
    client.once('close', () => far.destroy());
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) far.write(head);
    far.pipe(client);
    client.pipe(far);
  }
}

/** apt shows the status line; people who look see the text. */
function answer(client: Socket, status: number, text: string): void {
  const body = `${text}\n`;
  const retry = status === 503 ? 'Retry-After: 5\r\n' : '';
  client.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${retry}Connection: close\r\n\r\n${body}`,
  );
  client.resume();
  setTimeout(() => client.destroy(), 1000).unref();
}
