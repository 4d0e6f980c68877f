/** One URL, its redirects followed: each hop is judged, gets a slot of its host, and only what its host may see. */
import { Readable } from 'node:stream';
import type { Config } from '../config/config';
import type { HostList } from '../config/host-list';
import { isLarderError, LarderError } from '../errors';
import { portOf, type AddressCheck } from './address';
import type { Agents } from './agents';
import type { IdleWatch } from './body';
import { exchange, ExchangeError, type Answer } from './exchange';
import { requestHeaders } from './headers';
import { homeOf, type Home } from './mirrors';
import { isRedirect, MAX_REDIRECTS, nextMethod, nextUrl } from './redirects';
import type { Slots } from './slots';
import type { Standings } from './standing';
import type { UpstreamRequest } from './types';

/** May be asked again without doing anything twice. */
export const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A body that nobody wants is read to its end if it is this small, so that the connection stays usable. */
const DRAIN_BYTES = 64 * 1024;

/** Which hosts a cache's documents and redirects may lead to. */
export interface FileHosts {
  readonly cache: string;
  readonly allowed: HostList;
}

export interface HopOptions {
  readonly config: Config;
  readonly check: AddressCheck;
  readonly agents: Agents;
  readonly watch: IdleWatch;
  readonly slots: Slots;
  readonly standings: Standings;
  readonly fileHosts: FileHosts;
  readonly userAgent: string;
  /** Our element of Via. */
  readonly via: string;
}

export interface Hops {
  /**
   * The answer at the end of the redirects; with `single`, the first answer.
   * @throws ExchangeError; LarderError; the signal's reason
   */
  follow(request: UpstreamRequest, homes: readonly Home[], url: URL): Promise<Answer & { readonly url: URL }>;
}

interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly body: Readable | Buffer | undefined;
  /** False once a redirect has led elsewhere, and for a host that only a document names: the caller's credentials are not for it. */
  readonly isHome: boolean;
}

/** Opens no connection yet. */
export function createHops({ config, check, agents, watch, slots, standings, fileHosts, userAgent, via }: HopOptions): Hops {
  /** A connection that was reset before any answer is tried once more on a fresh one. */
  async function ask(request: UpstreamRequest, homes: readonly Home[], { url, method, body, isHome }: Hop): Promise<Answer> {
    assertFileHost(fileHosts, homes, url);
    const standing = standings.of(request.origin, homes, url);
    const authorization = homeOf(homes, url)?.authorization;
    const headers = requestHeaders(request.headers ?? {}, { userAgent, via, authorization, sameHost: isHome });
    const { signal } = request;
    const { timeouts } = config;
    // What must not be sent twice never goes over a kept connection, which may have died unnoticed.
    for (let fresh = !SAFE.has(method); ; fresh = true) {
      // Judged before a slot is waited for: an address that may not be reached must not cost anybody a place.
      await check.assertLiteral(url.hostname, portOf(url), standing);
      const done = await slots.acquire(url.host, signal);
      const agent: Parameters<typeof exchange>[0]['agent'] = (onRequest) => agents.forRequest({ url, standing, fresh }, onRequest);
      try {
        return await exchange({ url, method, headers, body, signal, timeouts, watch, proxy: agents.proxyFor(url)?.host, agent, done });
      } catch (error) {
        if (fresh || !(error instanceof ExchangeError && error.isReset)) throw error;
      }
    }
  }

  return {
    async follow(request, homes, url) {
      const isHome = homeOf(homes, url) !== undefined;
      let hop: Hop = { url, method: request.method ?? 'GET', body: request.body, isHome };
      for (let redirects = 0; ; redirects++) {
        const answer = await ask(request, homes, hop).catch((error: unknown) => {
          throw redirects === 0 && isHome && !standings.isConfigured(request.origin) ? asTargetRefusal(error) : error;
        });
        if (request.single || !isRedirect(answer.status)) return { ...answer, url: hop.url };
        discard(answer);
        if (redirects === MAX_REDIRECTS) throw failed(url, `more than ${MAX_REDIRECTS} redirects`);
        const next = nextUrl(hop.url, answer.headers['location']);
        const method = nextMethod(answer.status, hop.method);
        const body = method === 'GET' || method === 'HEAD' ? undefined : hop.body;
        if (body instanceof Readable) throw failed(hop.url, 'it redirects an upload');
        hop = { url: next, method, body, isHome: isHome && next.origin === url.origin };
      }
    },
  };
}

/** Hosts that the configuration does not name may be limited by it. @throws LarderError host-refused */
export function assertFileHost({ cache, allowed }: FileHosts, homes: readonly Home[], url: URL): void {
  if (homeOf(homes, url) === undefined && !allowed.has(url)) throw new LarderError('host-refused', { host: url.host, cache });
}

/** What the client itself named is refused to the client, and says nothing about any upstream. */
export function asTargetRefusal(error: unknown): unknown {
  if (!isLarderError(error) || error.code !== 'address-refused') return error;
  return new LarderError('target-refused', { ...error.facts, remedy: error.remedy }, error);
}

/** Ends a response that nobody wants, keeping the connection if its body is small. */
export function discard(answer: Answer): void {
  if (Number(answer.headers['content-length'] ?? Infinity) <= DRAIN_BYTES) answer.body.resume();
  else answer.body.destroy();
}

function failed(url: URL, reason: string): LarderError {
  return new LarderError('upstream-failed', { host: url.host, reason });
}
