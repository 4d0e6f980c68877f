/** The configuration as the rooms see it: typed, complete and frozen. load.ts makes it; nothing else reads the environment. */

/** One set of mirrors of the same content. */
export interface Origin {
  /** `registry` for the default one, else the <name> of UPSTREAM_<c>_<name>. Part of every key. */
  readonly name: string;
  /** Base URLs without trailing slash, in order of preference; may carry a path (what that means is the module's `address`). Empty: not configured. */
  readonly bases: readonly string[];
  /** True when the operator named it; false for a library's default. */
  readonly operatorNamed: boolean;
  /** Names of suites that this machine itself takes from it, if it was read from this machine's own sources. */
  readonly suites?: readonly string[];
  /** Mirrored ones: every method is sent on, not only GET and HEAD. */
  readonly allMethods?: true;
  /** Mirrored ones: lifetime of responses that name none themselves, in seconds. */
  readonly ttlSeconds?: number;
  /** Mirrored ones: most bytes that may be held of it, if limited by itself. */
  readonly sizeBytes?: number;
  /** A plain mirror (MIRROR_<N>_URL): routes are those of the module's `plainMirrors`. */
  readonly isPlainMirror?: true;
  /** Overrides the lifetime of its own list of contents, in seconds: of the routes with `ofOrigin`. */
  readonly rootTtlSeconds?: number;
  /** Value of the Authorization header for it, from UPSTREAM_<c>_AUTH_FILE. Secret. */
  readonly authorization?: string;
}

export interface CacheConfig {
  /** The module's name. */
  readonly name: string;
  readonly port: number;
  /** The default origin first, then the named ones, each served at `/<name>/`. */
  readonly origins: readonly Origin[];
  /** Overrides every document route's freshness lifetime, in seconds. */
  readonly ttlSeconds?: number;
  readonly clientAuth: 'strip' | 'forward';
  /** External base URL without trailing slash, if the operator fixed it. */
  readonly publicUrl?: string;
  /**
   * Archives that clients may name, where they do (modules with `archive`): `any`, or a list of `host` (on the scheme's own port),
   * `host:port` and `*.suffix` (what lies below it). Lower case; IPv6 addresses in brackets. Hosts of configured bases are allowed in any case.
   */
  readonly hosts?: 'any' | readonly string[];
  /** Form in which its upstreams list their folders; undefined: to be found out. */
  readonly listing?: string;
  /** Where people are sent who ask for what the ecosystem does not know. */
  readonly redirectInvalidTo?: string;
  /**
   * Of announcements only these subjects are shown, and where each is announced: the name of an origin. Absent: all that the default origin
   * announces.
   */
  readonly registries?: ReadonlyArray<{ readonly subject: string; readonly origin: string }>;
  /** What to do when a released file's promised digest changes. */
  readonly changed: 'refuse' | 'keep' | 'follow';
  /** Where documents name their files: at the files' own hosts, with this cache as a mirror, or here. Only modules with `distUrls` have it. */
  readonly distUrls?: 'mirrors' | 'rewrite';
  /** Hosts that documents, redirects and stubs may lead to, besides those of the origins' own bases, as `hosts`; absent: any, but of stubs none. */
  readonly fileHosts?: 'any' | readonly string[];
  /** Most bytes this cache may hold, if limited by itself. */
  readonly sizeBytes?: number;
}

export interface Config {
  /** Every cache of this appliance (CACHES). */
  readonly caches: readonly CacheConfig[];
  /** Where bytes are: cacache's folders, spool/, run/, epoch/. */
  readonly cacheDir: string;
  /** Where the log and what must survive are: log/, ledger. */
  readonly stateDir: string;
  /** Addresses to listen on. */
  readonly listen: readonly string[];
  /** Address by which clients reach this machine, where that is none of its own (SERVICE_IP). */
  readonly serviceIp?: string;
  readonly domain: string;
  /** Host names (lower case, without port) under which clients may come, besides addresses, localhost and cache-<c>.<domain>. */
  readonly allowHosts: readonly string[];
  /** CIDRs whose X-Forwarded-* are believed. */
  readonly trustedProxies: readonly string[];
  /** CIDRs that may connect. */
  readonly clientNets: readonly string[];
  /** CIDRs that a redirect or document may lead to although they are private. */
  readonly allowNets: readonly string[];
  /** Proxy for all upstream requests, `http://host:port`; may carry credentials. Secret. */
  readonly upstreamProxy?: string;
  /** Hosts reached without the proxy, as NO_PROXY has it. */
  readonly noProxy: readonly string[];
  /** PEM file of extra certificate authorities; the system's bundle is used in any case. */
  readonly upstreamCaFile?: string;
  readonly offline: boolean;
  /** Seconds a 404 or 410 is remembered. */
  readonly negativeTtlSeconds: number;
  /** Longest age at which a document is still served while the upstream fails; undefined: for ever. */
  readonly staleMaxSeconds?: number;
  /** Most bytes the store may hold. */
  readonly sizeBytes: number;
  /** Free bytes of the file system below which nothing new is stored. */
  readonly minFreeBytes: number;
  /** Largest document that is parsed, in bytes. */
  readonly maxDocumentBytes: number;
  /** Bytes of ready responses kept in memory. */
  readonly memoryBytes: number;
  /** Render workers at most. */
  readonly workers: number;
  readonly timeouts: Timeouts;
  /** How often in a row a download that breaks off is taken up again. */
  readonly retries: number;
  readonly service: ServiceConfig;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  readonly logFormat: 'text' | 'json';
  readonly logTo: 'file' | 'stdout';
}

/** What single origins may hold, by the prefix of their keys (`<module>|<origin>|`), in bytes. */
export function sizeByPrefix({ caches }: Config): Record<string, number> {
  const limits = caches.flatMap(({ name, origins }) =>
    origins.flatMap((origin) => (origin.sizeBytes === undefined ? [] : [[`${name}|${origin.name}|`, origin.sizeBytes] as const])),
  );
  return Object.fromEntries(limits);
}

/** How caches are run. */
export interface ServiceConfig {
  readonly runAs: 'process' | 'compose';
  /** Seconds without a request after which a process that a socket woke exits; 0: never. */
  readonly idleExitSeconds: number;
  /** Seconds of silence after which systemd restarts a cache; 0: never. */
  readonly watchdogSeconds: number;
  /** Most memory of one cache, in bytes. */
  readonly memoryMaxBytes: number;
  /** Image that the appliance's own is built on. */
  readonly baseImage: string;
  /** Name of the appliance's image. */
  readonly image: string;
  /** `uid:gid` of containers; undefined: those of the clone's owner. */
  readonly containerUser?: string;
  /** Name of the project for Compose. */
  readonly project: string;
  /** Folder of what the operator adds to images that `make build i=` makes; need not exist. */
  readonly overlayDir: string;
  /** Container engine; undefined: the client's own choice. */
  readonly dockerHost?: string;
}

export interface Timeouts {
  /** TCP and TLS connect, ms. */
  readonly connectMs: number;
  /** From the request sent to the response's headers, ms. */
  readonly headersMs: number;
  /** Longest silence between two chunks of a body, ms. */
  readonly idleMs: number;
  /** How long a finished file waits for the document that pins it, ms. */
  readonly pinWaitMs: number;
  /** How long a client waits for a revalidation before it gets the stale copy, ms. */
  readonly staleWaitMs: number;
}
