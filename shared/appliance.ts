/** Puts the rooms of one cache together and takes them apart again; main.ts runs it, tests run several in one process. */
import { randomBytes } from 'node:crypto';
import type { Module } from '../caches/module';
import type { Occupation } from './activation/idle-exit';
import { sizeByPrefix, type CacheConfig, type Config } from './config/config';
import { ledgerFile } from './config/files';
import { startWarnings } from './config/warnings';
import { createDocumentPool } from './documents/pool';
import type { EarlyTiming } from './engine/documents/early';
import { createSpools } from './engine/bodies/spooling';
import { Engine } from './engine/serve';
import { errorText } from './errors';
import { aboutItself } from './http/about';
import { Archives } from './http/archives';
import { Bases } from './http/bases';
import { Counters } from './http/counters';
import { keepCounters } from './http/durable-counters';
import { Hot, KEEP_ALIVE_SECONDS } from './http/hot';
import { lastKnown } from './http/last-known';
import { listen, patienceOf, type Listener, type Listening, type Patience } from './http/listen';
import { Nets } from './http/nets';
import { ownPages } from './http/own-pages';
import { Passthrough } from './http/passthrough';
import { Door } from './http/server';
import { Tunnels } from './http/tunnels';
import { Upgrades } from './http/upgrades';
import { sistersOf } from './http/sisters';
import { parseTarget } from './http/target';
import { createVerifier } from './integrity/signature';
import type { Status } from './http/status';
import { openOwned } from './owned';
import type { Log } from './log/types';
import { openStore, type LarderStore } from './store/store';
import { loadFetch } from './upstream/exchange';
import { createUpstream } from './upstream/fetch';

/** How long responses under way may take to finish when the process is told to stop. */
const DRAIN_MS = 10_000;
/** How long a connection without a request is waited for: one may be on its way over it. */
const QUIET_MS = 1000;
/** What no first answer needs is done so much later. */
const AFTER_START_MS = 250;
/** How long the status waits for the store's figures before it gives the last ones. */
const STATUS_WAIT_MS = 500;

export interface ApplianceOptions {
  readonly config: Config;
  readonly cache: CacheConfig;
  readonly module: Module;
  /** Path of the compiled caches/index.js, for the render workers. */
  readonly modulesPath: string;
  readonly log: Log;
  /** Descriptors of listening sockets that were handed over; none unless given. */
  readonly inherited?: readonly number[];
  /** Told when somebody asks by the control socket to stop. */
  readonly onStop: () => void;
  readonly now?: () => number;
  /** Of whom signatures are good; this machine's keyrings unless given. */
  readonly keyrings?: readonly string[];
  /** With slow and idle clients; the usual one unless given. */
  readonly patience?: Patience;
  /** How long a connection without a request is waited for at the end, ms; 1 s unless given, 0: not at all. */
  readonly quietMs?: number;
  /** With clients that wait for a document; the usual one unless given. */
  readonly early?: EarlyTiming;
}

export interface Appliance {
  readonly port: number;
  readonly status: () => Promise<Status>;
  /** What there is to do. */
  readonly occupation: Omit<Occupation, 'exit'>;
  /** Ends gracefully: stops listening at once, connections become quiet, responses finish, partial downloads are kept, everything pending is written. */
  close(): Promise<void>;
}

/** Opens one cache. @throws LarderError start, when it cannot listen or its directories cannot be used */
export async function openAppliance(options: ApplianceOptions): Promise<Appliance> {
  const { config, cache, module, log } = options;
  const instance = `${cache.name}-${randomBytes(4).toString('hex')}`;
  const startedAt = new Date().toISOString();
  let listening: Listening | undefined;
  const listeners = (): readonly Listener[] => listening?.listeners ?? config.listen.map((address) => ({ address, port: cache.port }));

  const store = openStore({
    cacheDir: config.cacheDir,
    ledgerFile: ledgerFile(config),
    modules: config.caches.map((one) => one.name),
    sizeBytes: config.sizeBytes,
    sizeByModule: Object.fromEntries(config.caches.flatMap((one) => (one.sizeBytes === undefined ? [] : [[one.name, one.sizeBytes]]))),
    sizeByPrefix: sizeByPrefix(config),
    minFreeBytes: config.minFreeBytes,
    log,
  });
  const now = options.now ?? Date.now;
  const counters = new Counters(module.label);
  const ever = keepCounters(store, cache.name, counters, log, STATUS_WAIT_MS);
  const isInherited = (options.inherited?.length ?? 0) > 0;
  const isWoken = isInherited && config.service.idleExitSeconds > 0;
  const keepAliveSeconds = isWoken
    ? Math.min(KEEP_ALIVE_SECONDS, Math.max(1, Math.floor(config.service.idleExitSeconds)))
    : KEEP_ALIVE_SECONDS;
  const bases = new Bases(config, cache, listeners);
  const upstream = createUpstream({
    config,
    cache,
    ...(module.address && { address: module.address }),
    viaToken: instance,
    ownAddresses: listeners,
    ...(module.mirrors === 'fastest' ? { fastest: true } : {}),
    log,
    now,
  });
  const counts = lastKnown<{ entries: number; bytes: number }>(() => store.counts(module.name), { entries: 0, bytes: 0 }, STATUS_WAIT_MS);
  const changes = lastKnown(() => digestChangesOf(store, module.name), undefined, STATUS_WAIT_MS);
  const status = async (): Promise<Status> => {
    const [held, changed, counted] = await Promise.all([counts(), changes(), ever.total()]);
    const trouble = store.notStoring() ?? (held.failure === undefined ? undefined : unanswered(held.failure));
    return {
      cache: cache.name,
      pid: process.pid,
      instance,
      port: listeners()[0]?.port ?? cache.port,
      addresses: listeners().map(({ address }) => address),
      startedAt,
      counters: counted,
      bytesHeld: held.value.bytes,
      entries: held.value.entries,
      mirrors: upstream.health(),
      ...(changed.value ? { digestChanges: changed.value } : {}),
      ...(trouble ? { notStoring: trouble } : {}),
      ...(engine.announced?.troubles().length ? { announcements: engine.announced.troubles() } : {}),
    };
  };
  // The socket proves that this process lives, so it comes before the spool folder that it protects.
  const { control, spool } = await openOwned(config, instance, log, status, options.onStop, (question) => engine.witnessed(question));
  const pool = createDocumentPool({ modulesPath: options.modulesPath, workers: config.workers, log });
  const spools = createSpools(spool, store, log);
  const engine = new Engine(
    { config, cache, module, store, upstream, pool, spools, log, now, ...(options.early ? { early: options.early } : {}) },
    {
      verifier: createVerifier(options.keyrings ? { keyrings: options.keyrings } : {}),
      askSisters: sistersOf(config.cacheDir, cache.name, instance),
    },
  );
  const hot = new Hot(
    module.name,
    store,
    bases,
    counters,
    log,
    config.memoryBytes,
    config.trustedProxies.length > 0,
    now,
    module.archive !== undefined,
    module.fields && new Set(module.fields),
    engine.mirror !== undefined,
    keepAliveSeconds,
  );
  engine.mirror?.whenArriving((key) => hot.drop(key));
  const passthrough = new Passthrough({
    cache,
    viaToken: instance,
    headersMs: config.timeouts.headersMs,
    wayTo: (origin, path, signal) => upstream.wayTo(origin, path, signal),
    wrote: (pass) => engine.wrote(pass.plan),
  });
  const archives = module.archive && new Archives(module, cache);
  const own = ownPages({
    module,
    status,
    why: (url) => {
      const target = parseTarget(url, archives !== undefined);
      const { target: path, origin } = archives?.resolve(target, target.absolute !== undefined) ?? {
        target: target.path,
        origin: undefined,
      };
      return engine.why(path, origin);
    },
  });
  const trusted = new Nets(config.trustedProxies);
  const rooms = {
    config,
    cache,
    module,
    engine,
    hot,
    bases,
    passthrough,
    counters,
    log,
    viaToken: instance,
    trusted,
    now,
    own,
    isWoken,
    notStoring: () => store.notStoring(),
  };
  const about = module.ownPages && aboutItself({ module, cache, store, counters, startedAt, now, upstream, engine });
  const door = new Door({ ...rooms, ...(archives && { archives }), ...(about && { about }) });
  const tunnels =
    archives &&
    module.tunnels &&
    new Tunnels({
      cacheName: cache.name,
      port: module.tunnels.port,
      offline: config.offline,
      archives,
      connect: (host, port, signal) => upstream.connect(host, port, signal),
      counters,
      log,
      viaToken: instance,
    });
  const upgrades =
    engine.mirror &&
    new Upgrades({ ...rooms, offline: config.offline, wayTo: (origin, path, signal) => upstream.wayTo(origin, path, signal) });
  try {
    listening = await listen(door, hot, {
      inherited: options.inherited,
      addresses: config.listen,
      port: cache.port,
      portSetting: `PORT_${cache.name}`,
      clients: new Nets(config.clientNets),
      connectRefusal: module.forwardProxy?.connectRefusal ?? 'this cache does not tunnel',
      tunnels,
      upgrades,
      patience: options.patience ?? patienceOf(keepAliveSeconds),
    });
  } catch (error) {
    await control?.close();
    await spool?.close();
    await store.close();
    throw error;
  }
  log.info('listening', { cache: cache.name, port: listening.port, instance });
  for (const { event, facts } of startWarnings(config, cache, isInherited ? listening.listeners : undefined)) log.warn(event, facts);
  // What the first miss needs is loaded when whoever woke this cache has his answer.
  const later = setTimeout(() => {
    store.warm();
    // The default registry's address comes from a library that takes a while to load.
    void cache.origins[0]?.bases.length;
    if (!engine.mirror) loadFetch().catch(() => undefined);
    spool?.sweep().then(
      (swept) => log.info('swept', { ...swept }),
      (error: unknown) => log.warn('sweep-failed', { reason: errorText(error) }),
    );
  }, AFTER_START_MS).unref();

  const close = async (): Promise<void> => {
    clearTimeout(later);
    await listening?.close(DRAIN_MS, options.quietMs ?? QUIET_MS);
    await engine.close();
    upstream.close();
    await Promise.all([pool.close(), ever.close()]);
    await store.close();
    await control?.close();
    await spool?.close();
    log.info('stopped', { cache: cache.name, instance });
  };
  const occupation = {
    requests: () => door.answeredItself + counters.total,
    underWay: () => door.underWay + engine.underWay + (tunnels?.underWay ?? 0) + (upgrades?.underWay ?? 0),
    connections: () => listening?.connections ?? 0,
  };
  return { port: listening.port, status, occupation, close };
}

async function digestChangesOf(store: LarderStore, module: string): Promise<Status['digestChanges']> {
  const changes = (await store.digestChanges()).filter(({ key }) => key.startsWith(`${module}|`));
  const [newest] = changes;
  return newest && { count: changes.length, newest };
}

function unanswered(failure: unknown): { reason: string; remedy: string } {
  return { reason: errorText(failure), remedy: 'free some space, and see that CACHE_DIR and STATE_DIR can be written' };
}
