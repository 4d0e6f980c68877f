/** What the rest of the house sees of the upstream room. */
import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Origin } from '../config/config';

export interface UpstreamRequest {
  /** One of the configuration, or one that a client named: then its hosts are no more trusted than the client. */
  readonly origin: Origin;
  /** Canonical path and query, put behind a mirror's base (as the module's `address` says); or an absolute URL named by a document (checked like a redirect). */
  readonly path: string;
  readonly method?: string;
  /** Lower-case names. The room adds User-Agent, Via, Accept-Encoding: identity (unless given) and the origin's Authorization (mirrors of the origin only, never over a redirect to another host). */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable | Buffer;
  /** Mirrors (base URLs) not to be asked again for this object. */
  readonly skip?: ReadonlySet<string>;
  /** Only the first mirror, no redirect followed (requests that carry a client's credentials). */
  readonly single?: boolean;
  readonly signal?: AbortSignal;
}

export interface UpstreamResponse {
  /** Any status except 5xx, 429, 408 and redirects: those throw. With `single`: any status at all. */
  readonly status: number;
  /** Lower-case names; hop-by-hop fields (also those that Connection names) and Set-Cookie are gone. Repeated fields joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  /** Not decoded. Errors with LarderError 'upstream-failed' (truncated, reset) or 'upstream-timeout' (idle). Must be read or destroyed: it holds a connection slot. */
  readonly body: Readable;
  /** The mirror that answered. */
  readonly base: string;
  /** Final URL after redirects, without credentials. */
  readonly url: string;
}

/** A request that is sent on as it is: the answer is whatever the upstream says, nothing of it interpreted. */
export interface RelayRequest {
  /** One of the configuration. */
  readonly origin: Origin;
  /** Raw path and query, put behind a mirror's base. */
  readonly path: string;
  readonly method: string;
  /**
   * name, value, name, value …, without those of a connection. The room adds Host and Via, and where there is none User-Agent and the
   * origin's own Authorization.
   */
  readonly fields: readonly string[];
  readonly body?: Readable;
  readonly signal?: AbortSignal;
  /** Told when it is sent; again, if it must be sent once more. Until then it may have waited for a connection. */
  onSent?(): void;
  /** Told of 1xx answers (RFC 9110 §15.2), with their fields. */
  onInformation?(status: number, fields: readonly string[]): void;
}

export interface RelayedResponse {
  /** Any final status. */
  readonly status: number;
  readonly reason: string;
  readonly httpVersion: string;
  /** name, value, name, value … as they came. */
  readonly fields: readonly string[];
  /** As `UpstreamResponse.body`. */
  readonly body: Readable;
  /** name, value, … as they came behind the body; empty until it has ended. */
  trailers(): readonly string[];
  /** The mirror that answered. */
  readonly base: string;
}

/** What it takes to ask a mirror by other means than `fetch`. */
export interface Way {
  /** Without credentials. */
  readonly url: URL;
  /** The origin's own Authorization for it, if any. Secret. */
  readonly authorization?: string;
  /** For exactly one request, whose path it sets to the URL's: proxy, CA and address checks included. */
  readonly agent: Agent;
  /** Gives the mirror's connection slot back: to be called when the exchange is over. Further calls do nothing. */
  readonly release: () => void;
}

/** State of one mirror, for status and metrics. */
export interface MirrorHealth {
  readonly base: string;
  readonly healthy: boolean;
  /** When it will be asked again, ms since the epoch; 0 when healthy. */
  readonly retryAt: number;
  readonly lastError?: string;
}

export interface Upstream {
  /**
   * Asks the mirrors in order of health until one answers. Failover on connect, TLS, name and timeout errors, 5xx, 408, 429; never on 404.
   * @throws LarderError upstream-unreachable | upstream-timeout | upstream-failed | upstream-busy (429/503, facts.status, facts.retryAfter in seconds) | address-refused | target-refused (the client named it) | not-configured | loop
   */
  fetch(request: UpstreamRequest): Promise<UpstreamResponse>;
  /**
   * Sends one request on, redirects and statuses being answers. The next mirror is asked if one cannot be reached, or fails (5xx) a safe
   * method while others are left.
   * @throws LarderError as `fetch`, but for statuses; the signal's reason
   */
  relay(request: RelayRequest): Promise<RelayedResponse>;
  /**
   * The way to the first mirror for one request that somebody else makes, when one of its host's connection slots is free. Release it.
   * @throws LarderError not-configured | loop | bad-target | config; the signal's reason if it is aborted while waiting
   */
  wayTo(origin: Origin, path: string, signal?: AbortSignal): Promise<Way>;
  /**
   * A connection for a tunnel to a host that a client names: judged, made and limited in time like any other, through UPSTREAM_PROXY by
   * CONNECT. Not kept in a pool and without a slot. `host` may be a name, an IPv4 address or an IPv6 one (also in brackets). The
   * caller is to listen for its errors at once, and to close it.
   * @throws LarderError bad-target | target-refused | loop | upstream-unreachable | upstream-timeout | config; the signal's reason if it is aborted before the connection is there
   */
  connect(host: string, port: number, signal?: AbortSignal): Promise<Socket>;
  /** Of every configured mirror, and of the hosts that failed last among those that clients name. */
  health(): readonly MirrorHealth[];
  /** Bytes of bodies that came since the start. */
  receivedBytes(): number;
  close(): void;
}
