/** The upstream room: mirrors in order of health, failover, redirects, slots. */
import { Readable } from 'node:stream';
import type { CacheConfig, Config, Origin } from '../config/config';
import { programVersion } from '../config/version';
import { HostList } from '../config/host-list';
import { isLarderError, LarderError } from '../errors';
import type { Log } from '../log/types';
import { createAddressCheck, portOf, type Listener } from './address';
import { createAgents } from './agents';
import { IdleWatch } from './body';
import { createConnector } from './connect';
import { asMiss, mayAskNext, Miss, noted, statusFailure, worst } from './failover';
import { createHealth } from './health';
import { asTargetRefusal, assertFileHost, createHops, discard } from './hops';
import { candidatesFor, homeOf, homesOf, type Address, type Candidate, type Home } from './mirrors';
import { createRelay } from './relay';
import { createSlots } from './slots';
import { createSpeeds } from './speeds';
import { createStandings } from './standing';
import type { Upstream, UpstreamRequest, UpstreamResponse } from './types';

export interface UpstreamOptions {
  readonly config: Config;
  /** The one that this process serves: only its origins count as configured. Unless given, those of every cache do. */
  readonly cache?: CacheConfig;
  /** The module's, where it has one. */
  readonly address?: Address;
  /** Of an origin's healthy mirrors the fastest is asked first, instead of the first. */
  readonly fastest?: boolean;
  /** Names this process in Via, so that a request which comes back is known: `1.1 larder-<token>`. */
  readonly viaToken: string;
  /** Where we listen ourselves (now); an upstream there is a loop. */
  readonly ownAddresses: () => readonly Listener[];
  /** ms since the epoch; for health and Retry-After. */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly log?: Pick<Log, 'warn' | 'info'>;
}

const SLOTS_PER_HOST = 16;
/** Failing hosts shown beside the configured ones. */
const STRANGERS_SHOWN = 16;

/** Makes the room; nothing is opened or loaded before the first fetch. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { config, viaToken, log, address } = options;
  const caches = options.cache ? [options.cache] : config.caches;
  const now = options.now ?? Date.now;
  const check = createAddressCheck(config.allowNets, options.ownAddresses);
  const agents = createAgents(config, check);
  const watch = new IdleWatch(config.timeouts.idleMs);
  const homes = memo(homesOf);
  // By the origins' own bases, since the default one's is known only when it is first needed.
  const configuredBases = (): Set<string> =>
    new Set(caches.flatMap((cache) => cache.origins.flatMap((origin) => homes(origin).map((home) => home.base))));
  const health = createHealth({
    now,
    random: options.random ?? Math.random,
    isConfigured: (base) => configuredBases().has(base),
    onChange: (base, healthy, reason) => (healthy ? log?.info('mirror-back', { base }) : log?.warn('mirror-rests', { base, reason })),
  });
  const userAgent = `larder/${programVersion()}`;
  const speeds = options.fastest ? createSpeeds() : undefined;
  const slots = createSlots(SLOTS_PER_HOST);
  const standings = createStandings(config, options.cache);
  const fileHosts = { cache: options.cache?.name ?? '<cache>', allowed: new HostList(options.cache?.fileHosts ?? 'any') };
  const hops = createHops({ config, check, agents, watch, slots, standings, fileHosts, userAgent, via: `1.1 larder-${viaToken}` });
  const relay = createRelay({ config, check, agents, watch, standings, health, homes, userAgent, via: `1.1 larder-${viaToken}` });
  const connect = createConnector({ check, agents, standings, userAgent, connectMs: config.timeouts.connectMs });
  const cacheOf = (origin: Origin): string => (caches.find((each) => each.origins.includes(origin)) ?? options.cache)?.name ?? '<cache>';

  const inOrder = (bases: readonly string[]): readonly string[] => speeds?.sort(bases) ?? bases;

  /** One mirror, its health noted. @throws Miss if the next mirror may do better; anything else is final */
  async function attempt(request: UpstreamRequest, candidate: Candidate): Promise<UpstreamResponse> {
    const turn = request.single ? undefined : await health.turn(candidate.base, request.signal).catch(asMiss);
    const began = now();
    try {
      const answer = await hops.follow(request, homes(request.origin), candidate.url);
      const failed = request.single ? undefined : statusFailure(request, candidate.url.host, answer.status, answer.headers, now());
      if (failed) {
        discard(answer);
        turn?.failed({ hard: false, ...failed });
        throw new Miss(failed.error, 'status');
      }
      turn?.succeeded();
      speeds?.note(candidate.base, now() - began);
      const isEmpty = request.method === 'HEAD' || answer.status === 204 || answer.status === 304;
      if (isEmpty) answer.body.resume(); // holds no slot, even if nobody reads it
      const shown: Readable = isEmpty ? Readable.from([]) : answer.body;
      return { status: answer.status, headers: answer.headers, body: shown, base: candidate.base, url: answer.url.href };
    } catch (error) {
      throw noted(error, turn, candidate, request);
    }
  }

  return {
    async wayTo(origin, path, signal) {
      const own = homes(origin);
      const url = candidatesFor(own, path, address)[0]?.url;
      if (!url) throw new LarderError('not-configured', { setting: `UPSTREAM_${cacheOf(origin)}` });
      assertFileHost(fileHosts, own, url);
      const standing = standings.of(origin, own, url);
      await check.assertLiteral(url.hostname, portOf(url), standing).catch((error: unknown) => {
        throw standings.isConfigured(origin) ? error : asTargetRefusal(error);
      });
      const authorization = homeOf(own, url)?.authorization;
      const release = await slots.acquire(url.host, signal);
      try {
        const agent = await agents.forRequest({ url, standing, fresh: true }, () => undefined);
        return { url, agent, release, ...(authorization === undefined ? {} : { authorization }) };
      } catch (error) {
        release();
        throw error;
      }
    },
    async fetch(request) {
      const own = homes(request.origin);
      const cache = cacheOf(request.origin);
      if (own.length === 0 && request.path.startsWith('/')) throw new LarderError('not-configured', { setting: `UPSTREAM_${cache}` });
      const all = candidatesFor(own, request.path, address).filter((each) => !request.skip?.has(each.base));
      const candidates = request.single ? all.slice(0, 1) : all;
      const { first, later } = health.order(inOrder(candidates.map((each) => each.base)));
      const misses: Miss[] = [];
      for (const base of request.single ? candidates.map((each) => each.base) : [...first, ...later]) {
        const candidate = candidates.find((each) => each.base === base);
        if (!candidate) continue;
        try {
          return await attempt(request, candidate);
        } catch (error) {
          if (isLarderError(error) && error.code === 'loop') throw new LarderError('loop', { cache, ...error.facts });
          if (!(error instanceof Miss)) throw error;
          misses.push(error);
          if (!mayAskNext(request, error)) break;
        }
      }
      throw worst(misses) ?? noMirrorLeft(own, request.origin);
    },
    async relay(request) {
      if (homes(request.origin).length === 0) throw new LarderError('not-configured', { setting: `UPSTREAM_${cacheOf(request.origin)}` });
      try {
        return await relay(request);
      } catch (error) {
        if (isLarderError(error) && error.code === 'loop')
          throw new LarderError('loop', { cache: cacheOf(request.origin), ...error.facts });
        throw error;
      }
    },
    connect,
    receivedBytes: () => watch.receivedBytes,
    health() {
      const resting = new Map(health.resting().map((each) => [each.base, each]));
      const bases = configuredBases();
      const strangers = [...resting.keys()].filter((base) => !bases.has(base)).slice(-STRANGERS_SHOWN);
      return [...bases, ...strangers].map((base) => {
        const found = resting.get(base);
        if (!found) return { base, healthy: true, retryAt: 0 };
        return { base, healthy: found.retryAt === 0, retryAt: found.retryAt, lastError: found.lastError };
      });
    },
    close() {
      watch.close();
      agents.close();
    },
  };
}

function noMirrorLeft(homes: readonly Home[], origin: Origin): LarderError {
  return new LarderError('upstream-failed', { host: homes[0]?.url.host ?? origin.name, reason: 'no mirror is left to ask' });
}

function memo<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make(key)));
    return value;
  };
}
