/**
 * Requests to go on in another protocol (RFC 9110 §7.8): WebSockets are joined to the origin by http-proxy where every method is sent on, since
 * nothing of them is a read any more. Any other offer is overlooked, and the request answered in HTTP.
 */
import { STATUS_CODES, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ProxyServer } from 'http-proxy';
import type { Module } from '../../caches/module';
import type { CacheConfig, Origin } from '../config/config';
import { assertSentOn, planRequest } from '../engine/plan';
import { ERRORS, errorCode, errorText, isLarderError, LarderError } from '../errors';
import type { Log } from '../log/types';
import type { Way } from '../upstream/types';
import type { Bases } from './bases';
import type { Counters } from './counters';
import { destinationOf } from './destination';
import type { Nets } from './nets';
import { forUpstream } from './passed-fields';
import { asLarderError } from './refuse';
import { readFacts } from './request-facts';
import { parseTarget } from './target';

/** Joined connections at a time. */
const MOST_UPGRADES = 256;

export interface UpgradeRooms {
  readonly module: Module;
  readonly cache: CacheConfig;
  readonly bases: Bases;
  readonly trusted: Nets;
  readonly counters: Counters;
  readonly log: Log;
  readonly viaToken: string;
  /** Nobody is to be asked (OFFLINE). */
  readonly offline: boolean;
  wayTo(origin: Origin, path: string, signal: AbortSignal): Promise<Way>;
}

export class Upgrades {
  private proxy: ProxyServer | undefined;
  private readonly clients = new Set<Socket>();

  constructor(private readonly rooms: UpgradeRooms) {}

  /**
   * Takes over a connection whose request asks for another protocol.
   * @param head what the client sent behind the request @param again gives the connection back, to be read from its beginning
   */
  take(req: IncomingMessage, client: Socket, head: Buffer, again: () => void): void {
    if (req.method !== 'GET' || req.headers.upgrade?.trim().toLowerCase() !== 'websocket') {
      client.unshift(Buffer.concat([withoutUpgrade(req), head]));
      return again();
    }
    const began = performance.now();
    // Told now: passing on rewrites the request's url.
    const target = req.url ?? '/';
    this.clients.add(client);
    client.on('error', () => client.destroy());
    client.once('close', () => this.clients.delete(client));
    const note = (status: number, outcome: string): void => {
      const bytes = client.bytesWritten;
      this.rooms.counters.count(outcome, 'upgrade', bytes);
      const shown = outcome === 'pass' ? 'pass (upgrade)' : outcome;
      const ms = performance.now() - began;
      this.rooms.log.access({ address: client.remoteAddress ?? '-', method: 'GET', target, status, bytes, outcome: shown, ms });
    };
    const over = (): void => note(101, 'pass');
    client.once('close', over);
    const fail = (error: unknown): void => {
      client.off('close', over);
      const { status, message, remedy, code, facts } = asLarderError(error);
      const { level } = ERRORS[code];
      if (level !== 'info') this.rooms.log[level](code, facts);
      note(status, 'error');
      answer(client, status, remedy === '' ? message : `${message}; ${remedy}`);
    };
    this.join(req, client, head, target, fail).catch(fail);
  }

  /** Joined connections, also those that are not connected yet. */
  get underWay(): number {
    return this.clients.size;
  }

  has(client: Socket): boolean {
    return this.clients.has(client);
  }

  closeAll(): void {
    for (const client of this.clients) client.destroy();
  }

  private async load(): Promise<ProxyServer> {
    const proxy = (await import('http-proxy')).createProxyServer({});
    proxy.on('proxyReqWs', (asked: ClientRequest, _req, client: Socket) => endTogether(asked, client));
    // Of a client's connection that breaks off it tells everybody; told nobody, it would throw.
    proxy.on('error', () => undefined);
    return proxy;
  }

  /** @param fail told at once of what goes wrong later on: http-proxy then ends the connection @throws LarderError */
  private async join(req: IncomingMessage, client: Socket, head: Buffer, raw: string, fail: (error: unknown) => void): Promise<void> {
    const { module, cache, trusted, viaToken, offline } = this.rooms;
    const facts = readFacts(req.rawHeaders);
    const parsed = parseTarget(raw);
    if (facts.via?.includes(`larder-${viaToken}`) === true) throw new LarderError('loop', { cache: cache.name });
    const { target } = destinationOf(this.rooms, facts, { ...parsed, path: parsed.raw }, trusted.has(client.remoteAddress));
    const plan = planRequest(module, cache, 'GET', target);
    assertSentOn('a WebSocket', plan, cache);
    if (offline) throw new LarderError('offline-pass', { target: plan.path });
    if (this.clients.size > MOST_UPGRADES) throw new LarderError('overloaded', { what: `there are ${MOST_UPGRADES} upgrades already` });
    const leaving = new AbortController();
    client.once('close', () => leaving.abort(new Error('the client left')));
    const way = await this.rooms.wayTo(plan.origin, target.slice(plan.mount.length) || '/', leaving.signal);
    // These live for hours: they must not keep others from the origin.
    way.release();
    const { connection, upgrade } = req.headers;
    const strip = cache.clientAuth === 'strip';
    req.headers = {
      ...forUpstream(req.headers, { strip, authorization: way.authorization, bodyless: true, via: `1.1 larder-${viaToken}` }),
      ...(connection === undefined ? {} : { connection }),
      ...(upgrade === undefined ? {} : { upgrade }),
    };
    const proxy = (this.proxy ??= await this.load());
    if (client.destroyed) return;
    proxy.ws(req, client, head, { target: way.url.origin, agent: way.agent, changeOrigin: true }, (error: unknown) => {
      // Once joined, both connections simply end.
      if (client.bytesWritten > 0 || client.destroyed) return;
      const reason = errorCode(error) ?? errorText(error);
      fail(isLarderError(error) ? error : new LarderError('upstream-unreachable', { host: way.url.host, reason }));
    });
  }
}

/**
 * When one side is gone, the other's connection ends. http-proxy alone waits: for an answer that nobody wants any more, for the rest of one that
 * broke off, for who was told the end to end too.
 */
function endTogether(asked: ClientRequest, client: Socket): void {
  asked.once('upgrade', (_response, far: Socket) => {
    if (client.destroyed) far.destroy();
    client.once('close', () => far.destroy());
    far.once('close', () => client.destroySoon());
  });
  asked.once('response', (response: IncomingMessage) => response.once('close', () => response.complete || client.destroy()));
  client.once('close', () => asked.destroy());
}

/** The request's head as it came, but for the offer. */
function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name === 'upgrade' || name === 'http2-settings') continue;
    const options = value.split(',').filter((option) => !/^(?:upgrade|http2-settings)$/i.test(option.trim()));
    if (name !== 'connection') lines.push(`${rawHeaders[i]}: ${value}`);
    else if (options.length > 0) lines.push(`Connection: ${options.join(',')}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function answer(client: Socket, status: number, text: string): void {
  if (client.destroyed) return;
  const body = `${text}\n`;
  client.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  client.resume();
  setTimeout(() => client.destroy(), 1000).unref();
}
