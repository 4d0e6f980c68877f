/** Makes the configuration out of the environment and `.env`. Nothing else reads either of them. */
import { upstreamSetting, type Module } from '../../caches/module';
import { LarderError } from '../errors';
import type { CacheConfig, Config, Origin, ServiceConfig } from './config';
import { machineOrigins } from './machine-sources';
import { defaultOrigin, isMirror, namedOrigins, REGISTRY, reservedNames } from './origins';
import { mirrorsSize, mirrorVariable, plainMirrors } from './plain-mirrors';
import { attachedNets, defaultWorkers, diskBytes, expandPath, isOwnHost, xdgFolder } from './places';
import { nearestName, refuseUnknown } from './setting-names';
import { SettingReader } from './setting-reader';
import { SETTINGS } from './settings';
import type { Environment } from './sources';
import { ROOT, openSources } from './sources';
import type { Size } from './value-kinds';

export interface ConfigInput {
  readonly env: Environment;
  /** Path of the `.env` file; unless given LARDER_ENV_FILE of `env`, else `.env` in the clone. */
  readonly envFile?: string;
  /** Every module there is. */
  readonly modules: readonly Module[];
  /** Folder that stands for `/` where a module's `machineSources` are read; `/` unless given. */
  readonly machineRoot?: string;
}

const GB = 1e9;
const MIB = 1024 ** 2;

/**
 * The configuration, complete and frozen.
 * @throws LarderError config: name, value (hidden if secret) and what is allowed
 */
export function loadConfig(input: ConfigInput): Config {
  const reader = new SettingReader(openSources(input.env, input.envFile));
  const known = input.modules.map((module) => module.name);
  refuseUnknown(reader.sources, input.modules);
  const names = [...new Set(reader.read('CACHES') ?? known)];
  const caches = names.map((name) => {
    const module = input.modules.find((candidate) => candidate.name === name);
    if (module) return cacheConfig(reader, module, input);
    throw new LarderError('config', {
      name: 'CACHES',
      value: name,
      allowed: `there are ${known.join(', ')}; did you mean ${nearestName(name, known)}?`,
    });
  });
  const configured = applianceConfig(reader, input.env, caches);
  refuseClashes(configured);
  const config = { ...configured, caches: configured.caches.map((cache) => withMachineOrigins(reader, cache, configured, input)) };
  return deepFreeze(config);
}

function applianceConfig(reader: SettingReader, env: Environment, caches: readonly CacheConfig[]): Config {
  const folder = (name: 'CACHE_DIR' | 'STATE_DIR'): string | undefined => {
    const raw = reader.read(name);
    return raw === undefined ? undefined : expandPath(raw, env, ROOT);
  };
  const cacheDir = folder('CACHE_DIR') ?? xdgFolder(env, 'XDG_CACHE_HOME', '.cache');
  const disk = diskBytes(cacheDir);
  const caFile = reader.read('UPSTREAM_CA_FILE');
  const serviceIp = reader.read('SERVICE_IP');
  const proxy = reader.read('UPSTREAM_PROXY') ?? environmentProxy(reader, env);
  const staleMaxSeconds = reader.read('STALE_MAX');
  return {
    caches: caches.map((cache) => {
      const limit = reader.read('CACHE_SIZE_<c>', cache.name) ?? mirrorsSize(reader, cache);
      const origins = cache.origins.map((origin, index) => {
        const own = index > 0 ? reader.read('CACHE_SIZE_<c>_<name>', cache.name, origin.name) : undefined;
        return own === undefined ? origin : { ...origin, sizeBytes: inBytes(own, disk) };
      });
      return { ...cache, origins, ...(limit === undefined ? {} : { sizeBytes: inBytes(limit, disk) }) };
    }),
    cacheDir,
    stateDir: folder('STATE_DIR') ?? xdgFolder(env, 'XDG_STATE_HOME', '.local/state'),
    listen: [...new Set(reader.read('GLOBAL_IP') ?? ['127.0.0.1'])],
    ...(serviceIp && { serviceIp }),
    domain: reader.read('DOMAIN') ?? 'srv',
    allowHosts: [...(reader.read('ALLOW_HOSTS') ?? []), ...(serviceIp ? [serviceIp] : [])],
    trustedProxies: reader.read('TRUSTED_PROXIES') ?? [],
    clientNets: reader.read('CLIENT_NETS') ?? attachedNets(),
    allowNets: reader.read('ALLOW_NETS') ?? [],
    ...(proxy && { upstreamProxy: proxy }),
    noProxy: noProxy(env),
    ...(caFile && { upstreamCaFile: expandPath(caFile, env, ROOT) }),
    offline: reader.read('OFFLINE') ?? false,
    negativeTtlSeconds: reader.read('NEGATIVE_TTL') ?? 30,
    ...(staleMaxSeconds !== undefined && { staleMaxSeconds }),
    sizeBytes: inBytes(reader.read('CACHE_SIZE'), disk) ?? Math.round(Math.min(0.2 * disk || Infinity, 100 * GB)),
    minFreeBytes: inBytes(reader.read('MIN_FREE'), disk) ?? Math.round(Math.min(Math.max(0.05 * disk, GB), 20 * GB)),
    maxDocumentBytes: reader.read('MAX_DOCUMENT') ?? 128 * MIB,
    memoryBytes: reader.read('MEMORY') ?? 100 * MIB,
    workers: reader.read('WORKERS') ?? defaultWorkers(),
    timeouts: {
      connectMs: milliseconds(reader.read('CONNECT_TIMEOUT'), 10),
      headersMs: milliseconds(reader.read('HEADERS_TIMEOUT'), 30),
      idleMs: milliseconds(reader.read('IDLE_TIMEOUT'), 30),
      pinWaitMs: milliseconds(reader.read('PIN_WAIT'), 2),
      staleWaitMs: milliseconds(reader.read('STALE_WAIT'), 2),
    },
    retries: reader.read('RETRIES') ?? 4,
    service: serviceConfig(reader, env),
    logLevel: reader.read('LOG_LEVEL') ?? 'info',
    logFormat: reader.read('LOG_FORMAT') ?? 'text',
    logTo: reader.read('LOG_TO') ?? 'file',
  };
}

function serviceConfig(reader: SettingReader, env: Environment): ServiceConfig {
  const dockerHost = reader.read('DOCKER_HOST');
  const containerUser = reader.read('CONTAINER_USER');
  return {
    project: reader.read('COMPOSE_PROJECT_NAME') ?? 'larder',
    image: reader.read('LARDER_IMAGE') ?? 'larder',
    ...(containerUser && { containerUser }),
    runAs: reader.read('WITH') ?? 'process',
    idleExitSeconds: reader.read('IDLE_EXIT') ?? 600,
    watchdogSeconds: reader.read('WATCHDOG') ?? 0,
    memoryMaxBytes: reader.read('MEMORY_MAX') ?? 1024 * MIB,
    baseImage: reader.read('BASE_IMAGE') ?? 'node:22-slim',
    overlayDir: expandPath(reader.read('OVERLAY_DIR') ?? 'overlay', env, ROOT),
    ...(dockerHost && { dockerHost }),
  };
}

function cacheConfig(reader: SettingReader, module: Module, input: ConfigInput): CacheConfig {
  const cache = module.name;
  const own = reader.read('UPSTREAM_<c>', cache);
  const clientAuth = reader.read('CLIENT_AUTH_<c>', cache) ?? 'strip';
  const named = namedOrigins(reader, module, input.modules);
  // A mirror has no default upstream that credentials could go to by mistake.
  if (clientAuth === 'forward' && !own?.length && !(isMirror(module) && named.length > 0)) {
    reader.refuse(
      `CLIENT_AUTH_${cache}`,
      'forward',
      `credentials are only passed on to an upstream of your own: set ${upstreamSetting(module)} too`,
    );
  }
  const ttlSeconds = reader.read('TTL_<c>', cache);
  const publicUrl = reader.read('PUBLIC_URL_<c>', cache);
  const mirrors = module.plainMirrors ? plainMirrors(reader) : [];
  const origins = [defaultOrigin(reader, module, own), ...named, ...mirrors];
  const registries = chosenSubjects(reader, module, origins);
  const fileHosts = reader.read('FILE_HOSTS_<c>', cache);
  const hosts = module.archive && (reader.read('<C>_HOSTS', cache) ?? 'any');
  const listing = reader.read('LISTING_<c>', cache) ?? 'auto';
  const redirectInvalidTo = reader.read('REDIRECT_INVALID_TO_<c>', cache);
  return {
    name: cache,
    port: reader.read('PORT_<c>', cache) ?? module.defaultPort,
    origins,
    ...(registries && { registries }),
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    clientAuth,
    ...(publicUrl && { publicUrl }),
    ...(hosts && { hosts }),
    ...(listing === 'auto' ? {} : { listing }),
    ...(redirectInvalidTo && { redirectInvalidTo }),
    changed: reader.read('CHANGED_<c>', cache) ?? module.changed ?? 'refuse',
    ...(module.distUrls && { distUrls: reader.read('DIST_URLS_<c>', cache) ?? 'mirrors' }),
    ...(fileHosts && { fileHosts }),
  };
}

/** REGISTRIES_<c>. @throws LarderError config: no such subject can be, twice the same, or an upstream that is not there */
function chosenSubjects(reader: SettingReader, module: Module, origins: readonly Origin[]): CacheConfig['registries'] {
  const { subjects } = module;
  const chosen = subjects && reader.read('REGISTRIES_<c>', module.name);
  if (!chosen) return undefined;
  const names = origins.map(({ name }) => name);
  const seen = new Set<string>();
  return chosen.map((one) => {
    const { subject, upstream: origin = REGISTRY } = { ...one, subject: one.subject.toLowerCase() };
    const given = one.upstream === undefined ? one.subject : `${one.subject}@${one.upstream}`;
    const refuse = (allowed: string): never => reader.refuse(`REGISTRIES_${module.name}`, given, allowed);
    if (!subjects.test(subject)) refuse(`it is no UUID; ${SETTINGS['REGISTRIES_<c>'].kind.allowed}`);
    if (seen.has(subject)) refuse('it is there twice; name it once');
    if (!names.includes(origin)) refuse(`there is no UPSTREAM_${module.name}_${origin}; set it, or leave @${origin} out`);
    seen.add(subject);
    return { subject, origin };
  });
}

function withMachineOrigins(reader: SettingReader, cache: CacheConfig, config: Config, input: ConfigInput): CacheConfig {
  const module = input.modules.find(({ name }) => name === cache.name);
  if (!module?.machineSources || reader.read('<C>_SOURCES', cache.name) === false) return cache;
  const taken = cache.origins.map(({ name }) => name);
  const isOurs = (base: string): boolean => listenerAt(config, base) !== undefined;
  const found = machineOrigins(module, taken, reservedNames(module, input.modules), isOurs, input.machineRoot ?? '/');
  return { ...cache, origins: [...cache.origins, ...found] };
}

/** @throws LarderError config: two caches on one port, or an upstream that is one of our own listeners */
function refuseClashes(config: Config): void {
  const byPort = new Map<number, string>();
  for (const { name, port } of config.caches) {
    const other = byPort.get(port);
    if (other) throw new LarderError('config', { name: `PORT_${name}`, value: port, allowed: `${other} has this port already` });
    byPort.set(port, name);
  }
  for (const cache of config.caches) {
    for (const origin of cache.origins) {
      for (const base of origin.operatorNamed ? origin.bases : []) {
        const listener = listenerAt(config, base);
        if (listener === undefined) continue;
        const own = `UPSTREAM_${cache.name}${origin.name === REGISTRY ? '' : `_${origin.name}`}`;
        const name = origin.isPlainMirror ? mirrorVariable(origin) : own;
        throw new LarderError('config', {
          name,
          value: base,
          allowed: `that is this appliance itself (the ${listener} cache); name the registry behind it`,
        });
      }
    }
  }
}

/** The cache of this appliance that listens where a URL leads, if any. */
function listenerAt(config: Config, base: string): string | undefined {
  const url = new URL(base);
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const ownNames = config.caches.map((cache) => `cache-${cache.name}.${config.domain}`).concat(config.allowHosts);
  return isOwnHost(url.hostname, config.listen, ownNames) ? config.caches.find((cache) => cache.port === port)?.name : undefined;
}

/** Proxy variables that other programs of this machine go by; small letters first, as curl does. */
function environmentProxy(reader: SettingReader, env: Environment): string | undefined {
  const raw = env.https_proxy || env.HTTPS_PROXY || env.http_proxy || env.HTTP_PROXY;
  return raw ? reader.check('UPSTREAM_PROXY', 'HTTPS_PROXY', raw) || undefined : undefined;
}

/** NO_PROXY's hosts; this machine's loopback is never reached through a proxy. */
function noProxy(env: Environment): string[] {
  const named = (env.no_proxy || env.NO_PROXY || '').split(/[\s,]+/).filter((part) => part !== '');
  return [...new Set([...named, 'localhost', '127.0.0.1', '::1'])];
}

function inBytes(size: Size, disk: number): number;
function inBytes(size: Size | undefined, disk: number): number | undefined;
function inBytes(size: Size | undefined, disk: number): number | undefined {
  if (!size) return undefined;
  return 'bytes' in size ? size.bytes : Math.round(size.share * disk);
}

function milliseconds(seconds: number | undefined, fallback: number): number {
  return Math.round((seconds ?? fallback) * 1000);
}

function deepFreeze<T extends object>(value: T): T {
  for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(value))) {
    if (typeof descriptor.value === 'object' && descriptor.value !== null && !Object.isFrozen(descriptor.value))
      deepFreeze(descriptor.value as object);
  }
  return Object.freeze(value);
}
