/**
 * Connections: kept alive, judged by address.ts when they are made, through UPSTREAM_PROXY where it applies. Hosts that
 * stand differently with the configuration never share a pool: a pooled connection is not judged again.
 */
import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { Config } from '../config/config';
import { LarderError } from '../errors';
import { portOf, TRUSTED, type AddressCheck, type Standing } from './address';
import { isWithoutProxy } from './no-proxy';

/** What every connection is made with. */
export interface Wire {
  readonly url: URL;
  readonly standing: Standing;
  /** Not from the pool (the pooled one turned out to be dead). */
  readonly fresh: boolean;
}

export interface Agents {
  /** An agent for exactly one request; `onRequest` gets it before anything is sent. @throws LarderError config (unreadable UPSTREAM_CA_FILE) */
  forRequest(wire: Wire, onRequest: (request: http.ClientRequest) => void): Promise<http.Agent>;
  /** The proxy for this URL, if it is asked through one; with its credentials. */
  proxyFor(url: URL): URL | undefined;
  /** What TLS connections are made with. @throws LarderError config (unreadable UPSTREAM_CA_FILE) */
  context(): Promise<SecureContext>;
  close(): void;
}

/** The part of http.Agent that the types leave out. */
interface PoolingAgent extends http.Agent {
  addRequest(request: http.ClientRequest, options: RequestOptions): void;
}
interface RequestOptions extends http.RequestOptions {
  secureContext?: SecureContext;
  autoSelectFamilyAttemptTimeout?: number;
}

const IDLE_SOCKETS_PER_HOST = 16;
/** Over all hosts of a pool: clients may name any number of archives. */
const IDLE_SOCKETS = 256;
const IDLE_MS = 15_000;
/** Node's 250 ms gives up on healthy hosts behind slow lines. */
export const FAMILY_ATTEMPT_MS = 1500;

/** @param check judges the address of every connection that is made */
export function createAgents(config: Config, check: AddressCheck): Agents {
  const pools = new Map<string, PoolingAgent>();
  const proxy = config.upstreamProxy === undefined ? undefined : new URL(config.upstreamProxy);
  let trust: Promise<SecureContext> | undefined;
  // TLS is loaded (20 ms) and the authorities are read (40 ms) only if something is asked by https.
  const context = (): Promise<SecureContext> => {
    trust ??= import('./trust').then(({ createTrust }) => createTrust(config.upstreamCaFile));
    // What could not be read may be readable for the next one.
    trust.catch(() => (trust = undefined));
    return trust;
  };
  const throughProxy = (url: URL): URL | undefined =>
    proxy && !isWithoutProxy(config.noProxy, url.hostname, portOf(url)) ? proxy : undefined;

  const make = async (secure: boolean, via: URL | undefined, keepAlive: boolean): Promise<PoolingAgent> => {
    const options = { keepAlive, maxFreeSockets: IDLE_SOCKETS_PER_HOST, timeout: IDLE_MS };
    if (via && secure) {
      const { createTunnel } = await import('./tunnel');
      return watched(createTunnel(via, options, check, via.protocol === 'https:' ? await context() : undefined));
    }
    const { Agent } = secure ? await import('node:https') : http;
    return watched(new Agent(options));
  };

  const pool = async (wire: Wire, secure: boolean, via: URL | undefined): Promise<PoolingAgent> => {
    if (wire.fresh) return make(secure, via, false);
    const name = `${secure} ${via !== undefined} ${kindOf(wire.standing)}`;
    const found = pools.get(name);
    if (found) return found;
    const made = await make(secure, via, true);
    const raced = pools.get(name);
    if (!raced) pools.set(name, made);
    return raced ?? made;
  };

  return {
    proxyFor: throughProxy,
    context,
    async forRequest(wire, onRequest) {
      const via = throughProxy(wire.url);
      const secure = wire.url.protocol === 'https:';
      const shared = await pool(wire, secure, via);
      const secureContext = secure ? await context() : undefined;
      const addRequest = (request: http.ClientRequest, options: RequestOptions): void => {
        request.path = targetOf(wire.url); // exactly; node-fetch passes it through the legacy parser
        options.autoSelectFamilyAttemptTimeout = FAMILY_ATTEMPT_MS;
        if (secureContext) options.secureContext = secureContext;
        if (via && !secure) throughPlainProxy(request, options, wire.url, via, check);
        else if (!via) options.lookup = check.lookup(portOf(wire.url), wire.standing);
        onRequest(request);
        shared.addRequest(request, options);
      };
      return Object.create(shared, { addRequest: { value: addRequest } }) as http.Agent;
    },
    close() {
      for (const agent of pools.values()) agent.destroy();
      pools.clear();
    },
  };
}

/** Path and query; an empty query is one (RFC 3986 §6.2.3), which `search` does not tell. */
function targetOf({ pathname, search, href }: URL): string {
  return pathname + (search === '' && href.endsWith('?') ? '?' : search);
}

/** What connections must have in common to share a pool; as many kinds as origins are configured, at most. */
function kindOf({ trusted, peers }: Standing): string {
  return trusted ? 'trusted' : peers.map(({ host, port }) => `${host}:${port}`).join(' ');
}

/** Drops a kept connection on which something comes unasked: it would be taken for the next answer (excess of a body, RFC 9112 §9.2). */
function watched(agent: http.Agent): PoolingAgent {
  const { keepSocketAlive, reuseSocket } = agent;
  const drop = function (this: Duplex): void {
    this.destroy();
  };
  const arming = new WeakMap<Duplex, NodeJS.Immediate>();
  const idle = new Set<Duplex>();
  const leave = function (this: Duplex): void {
    idle.delete(this);
  };
  return Object.assign(agent as PoolingAgent, {
    keepSocketAlive(socket: Duplex) {
      if (idle.size >= IDLE_SOCKETS) return false; // the agent then closes it
      idle.add(socket);
      socket.once('close', leave);
      // Not at once: node-fetch takes a data listener that is there when the response closes for a chunked body that was cut.
      arming.set(socket, setImmediate(() => socket.once('data', drop)).unref());
      return keepSocketAlive.call(agent, socket);
    },
    reuseSocket(socket: Duplex, request: http.ClientRequest) {
      clearImmediate(arming.get(socket));
      socket.off('data', drop).off('close', leave);
      idle.delete(socket);
      reuseSocket.call(agent, socket, request);
    },
  });
}

/** RFC 9112 §3.2.2: a proxy is asked for the absolute URL. */
function throughPlainProxy(request: http.ClientRequest, options: RequestOptions, url: URL, via: URL, check: AddressCheck): void {
  if (via.protocol !== 'http:') throw new LarderError('config', { name: 'UPSTREAM_PROXY', value: via.host, allowed: 'http://host:port' });
  request.path = `http://${url.host}${url.pathname}${url.search}`;
  options.host = via.hostname.replace(/^\[|\]$/g, '');
  options.port = portOf(via);
  options.lookup = check.lookup(portOf(via), TRUSTED);
  const authorization = basicOf(via);
  if (authorization !== undefined) request.setHeader('proxy-authorization', authorization);
}

/** The Authorization that a URL's user and password stand for (RFC 7617), or undefined. */
export function basicOf(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return `Basic ${Buffer.from(`${decode(url.username)}:${decode(url.password)}`).toString('base64')}`;
}
