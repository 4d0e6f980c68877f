/** Connections for CONNECT tunnels: what goes through them is the client's own. Judged like every other connection. */
import http from 'node:http';
import { connect as dial, isIP, type Socket } from 'node:net';
import { isLarderError, LarderError } from '../errors';
import { portOf, TRUSTED, type AddressCheck } from './address';
import { basicOf, FAMILY_ATTEMPT_MS, type Agents } from './agents';
import { asTargetRefusal } from './hops';
import { reasonOf } from './reasons';
import type { Standings } from './standing';
import type { Upstream } from './types';

interface ConnectorOptions {
  readonly check: AddressCheck;
  readonly agents: Agents;
  readonly standings: Standings;
  readonly userAgent: string;
  /** From the name's resolution to the connection, or to the proxy's answer. */
  readonly connectMs: number;
}

/** Something that becomes a connection, and can be given up before. */
interface Attempt {
  readonly socket: Promise<Socket>;
  abandon(): void;
}

/** @returns what opens a tunnel, by the proxy where there is one */
export function createConnector({ check, agents, standings, userAgent, connectMs }: ConnectorOptions): Upstream['connect'] {
  const direct = (url: URL, port: number): Attempt => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // A name is resolved once, by the connection itself, and only addresses that were judged are tried.
    const lookup = check.lookup(port, standings.ofHost(url.hostname, port));
    const socket = dial({ host, port, lookup, autoSelectFamilyAttemptTimeout: FAMILY_ATTEMPT_MS });
    return {
      abandon: () => socket.destroy(),
      socket: new Promise((resolve, reject) => {
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.off('error', reject);
          resolve(socket);
        });
      }),
    };
  };

  const throughProxy = async (authority: string, via: URL): Promise<Attempt> => {
    const secure = via.protocol === 'https:';
    const { request } = secure ? await import('node:https') : http;
    const authorization = basicOf(via);
    const asked = request({
      method: 'CONNECT',
      host: via.hostname.replace(/^\[|\]$/g, ''),
      port: portOf(via),
      path: authority,
      headers: {
        host: authority,
        'user-agent': userAgent,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
      agent: false,
      lookup: check.lookup(portOf(via), TRUSTED),
      ...(secure ? { secureContext: await agents.context() } : {}),
    });
    return {
      abandon: () => asked.destroy(),
      socket: new Promise((resolve, reject) => {
        asked.once('error', reject);
        asked.once('connect', ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
          if (statusCode === 200) {
            if (head.length > 0) socket.unshift(head);
            return resolve(socket);
          }
          socket.on('error', () => undefined).destroy();
          reject(new LarderError('upstream-unreachable', { host: authority, reason: `the proxy answered ${statusCode}` }));
        });
        asked.end();
      }),
    };
  };

  return async (host, port, signal) => {
    const url = authorityUrl(host, port);
    const authority = `${url.hostname}:${port}`;
    signal?.throwIfAborted();
    const standing = standings.ofHost(url.hostname, port);
    let attempt: Attempt | undefined;
    let giveUp!: (error: unknown) => void;
    const givenUp = new Promise<never>((_, reject) => (giveUp = reject));
    givenUp.catch(() => {});
    const leave = (): void => giveUp(signal?.reason);
    const timer = setTimeout(
      () => giveUp(new LarderError('upstream-timeout', { host: authority, reason: `no connection within ${connectMs} ms` })),
      connectMs,
    );
    signal?.addEventListener('abort', leave, { once: true });
    const via = agents.proxyFor(url);
    try {
      await Promise.race([check.assertLiteral(url.hostname, port, standing), givenUp]);
      attempt = via ? await throughProxy(authority, via) : direct(url, port);
      return await Promise.race([attempt.socket, givenUp]);
    } catch (error) {
      abandon(attempt);
      if (signal?.aborted) throw signal.reason;
      throw failure(authority, error, via);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
  };
}

/** A connection that comes late, and whatever becomes of it, is nobody's any more. */
function abandon(attempt: Attempt | undefined): void {
  attempt?.socket.then(
    (late) => late.on('error', () => undefined).destroy(),
    () => undefined,
  );
  attempt?.abandon();
}

/** The host as the URL parser reads it, so that what is judged is what is connected to. @throws LarderError bad-target */
function authorityUrl(host: string, port: number): URL {
  const text = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}/`;
  const isPlain = !/[/?#@\\\s]/.test(host) && host !== '' && Number.isInteger(port) && port > 0;
  if (!isPlain || !URL.canParse(text)) throw new LarderError('bad-target', { reason: 'it is not host:port' });
  return new URL(text);
}

function failure(host: string, error: unknown, via: URL | undefined): unknown {
  if (isLarderError(error)) return asTargetRefusal(error);
  const where = via ? `through the proxy ${via.host}: ` : '';
  return new LarderError('upstream-unreachable', { host, reason: where + reasonOf(error) }, error);
}
