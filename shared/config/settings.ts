/**
 * The table of all settings: it drives parsing, `.env.example` and `make config`. In names, <c> stands
 * for a cache, <C> for a cache in capitals, <name> for an upstream of it that the operator names, and <N> for a mirror of a plain host.
 */
import type { Module } from '../../caches/module';
import { MIRROR_SETTINGS } from './mirror-settings';
import { SERVICE_SETTINGS } from './service-settings';
import * as kinds from './value-kinds';
import type { Kind } from './value-kinds';

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** The default in words, as people are shown it; '' for none. */
  readonly fallback: string;
  readonly group: 'Caches' | 'Addresses' | 'Upstreams' | 'Clients' | 'Storage' | 'Freshness' | 'Limits' | 'Service' | 'Log';
  readonly description: string;
  /** Never printed. */
  readonly secret?: true;
  /** Only caches whose module, or one of its routes, has this part have the setting; `mirrored`: those with such a route; `redirects`: those without, which follow redirects. */
  readonly needs?:
    'archive' | 'machineSources' | 'foreign' | 'pages' | 'subjects' | 'mirrored' | 'redirects' | 'distUrls' | 'pinnedBy' | 'plainMirrors';
}

function setting<T>(group: Setting<T>['group'], kind: Kind<T>, fallback: string, description: string, secret?: true): Setting<T> {
  return { kind, fallback, group, description, ...(secret && { secret }) };
}

/** Whether a cache of this module has the setting. */
export function isSettingOf(name: SettingName, module: Module): boolean {
  const { needs } = SETTINGS[name] as Setting<unknown>;
  const isMirror = module.routes.some(({ kind }) => kind === 'mirrored');
  if (needs === 'mirrored') return isMirror;
  // To a mirror they are answers like all others.
  if (needs === 'redirects') return !isMirror;
  return needs === undefined || needs in module || module.routes.some((route) => needs in route);
}

export const SETTINGS = {
  CACHES: setting('Caches', kinds.words, 'every cache there is', 'Which caches this appliance has.'),
  COMPOSE_PROJECT_NAME: setting('Caches', kinds.project, 'larder', 'Name of the project for container engines.'),

  GLOBAL_IP: setting(
    'Addresses',
    kinds.addresses,
    '127.0.0.1',
    'Addresses to listen on. To serve containers or a network, add the address they reach this machine by; 0.0.0.0 means all.',
  ),
  SERVICE_IP: setting(
    'Addresses',
    kinds.address,
    '',
    'Address by which clients reach the caches, where it is not one of GLOBAL_IP (address translation).',
  ),
  DOMAIN: setting('Addresses', kinds.domain, 'srv', 'Clients may also come under the name cache-<c>.<DOMAIN>.'),
  'PORT_<c>': setting('Addresses', kinds.port, "the cache's own", 'Port of the cache.'),
  'PUBLIC_URL_<c>': setting(
    'Addresses',
    kinds.baseUrl,
    'what the client asked for',
    'URL of the cache as its clients see it, when a proxy stands in front of it.',
  ),
  ALLOW_HOSTS: setting('Addresses', kinds.hosts, '', 'Further host names under which clients may come; any other Host is answered 421.'),

  'UPSTREAM_<c>': setting(
    'Upstreams',
    kinds.baseUrls,
    "the ecosystem's public registry, if it has one",
    'Where the cache gets things from: the URL that a client would be given. Several URLs, separated by spaces, are mirrors (storage servers) of the same content, in order of preference; of julia the fastest that works comes first.',
  ),
  'UPSTREAM_<c>_<name>': setting(
    'Upstreams',
    kinds.baseUrls,
    '',
    'Another registry with other content, served at /<name>/; of http an origin that is mirrored at /mirror/<name>/. The name is lower-case letters, digits and -; in the name of the setting _ may stand for -, since shells cannot export a variable with -.',
  ),
  'UPSTREAM_<c>_AUTH': setting(
    'Upstreams',
    kinds.authorization,
    '',
    'Credentials for that upstream: a token, user:password or a whole Authorization value. Better as UPSTREAM_<c>_AUTH_FILE, a file that holds it.',
    true,
  ),
  'UPSTREAM_<c>_<name>_AUTH': setting(
    'Upstreams',
    kinds.authorization,
    '',
    'The same for a named upstream; UPSTREAM_<c>_<name>_AUTH_FILE too.',
    true,
  ),
  'REGISTRIES_<c>': {
    ...setting(
      'Upstreams',
      kinds.subjects,
      'all that the upstream lists',
      'Registries that are shown to clients: their UUIDs; UUID@name for one that UPSTREAM_<c>_<name> has, whose packages then are looked for there too.',
    ),
    needs: 'subjects',
  },
  'METHODS_<c>': {
    ...setting(
      'Upstreams',
      kinds.choice('read', 'all'),
      'read',
      'Which methods are sent on: read means GET and HEAD; all every other one too, never stored, making stale what they change.',
    ),
    needs: 'mirrored',
  },
  'METHODS_<c>_<name>': {
    ...setting('Upstreams', kinds.choice('read', 'all'), 'METHODS_<c>', 'The same for a named upstream.'),
    needs: 'mirrored',
  },
  '<C>_HOSTS': {
    ...setting(
      'Upstreams',
      kinds.archiveHosts,
      'any',
      'Archives that clients of the cache may name, besides those of UPSTREAM_…: a list of host, host:port and *.suffix, or any. Private addresses need ALLOW_NETS too.',
    ),
    needs: 'archive',
  },
  '<C>_SOURCES': {
    ...setting(
      'Upstreams',
      kinds.flag,
      'yes',
      "Whether the archives that this machine's own configuration names become named upstreams (those of UPSTREAM_… come first).",
    ),
    needs: 'machineSources',
  },
  'LISTING_<c>': {
    ...setting(
      'Upstreams',
      kinds.choice('auto', 'autoindex', 's3', 'swift'),
      'auto',
      'In which form the upstream of the cache lists its folders: autoindex (nginx, autoindex_format json), s3 (ListObjects, either version), swift; auto finds out.',
    ),
    needs: 'pages',
  },
  'FILE_HOSTS_<c>': {
    ...setting(
      'Upstreams',
      kinds.archiveHosts,
      'any, but of stubs (ALICE) none',
      'Hosts that documents, redirects and stubs of the upstreams may lead to for files, besides the hosts of UPSTREAM_… themselves: a list of host, host:port and *.suffix, or any. Private addresses need ALLOW_NETS too.',
    ),
    needs: 'redirects',
  },
  ...MIRROR_SETTINGS,
  UPSTREAM_PROXY: setting(
    'Upstreams',
    kinds.proxy,
    'HTTPS_PROXY or HTTP_PROXY of the environment',
    'Proxy for all upstream requests (hosts in NO_PROXY go direct); none: no proxy at all.',
    true,
  ),
  UPSTREAM_CA_FILE: setting('Upstreams', kinds.text, '', "PEM file of extra certificate authorities, beside the system's."),
  ALLOW_NETS: setting(
    'Upstreams',
    kinds.cidrs,
    '',
    'Private networks that a redirect or a document may lead to. Hosts named in UPSTREAM_… may be anywhere.',
  ),
  OFFLINE: setting('Upstreams', kinds.flag, 'no', 'yes: never ask an upstream; serve what is held.'),

  CLIENT_NETS: setting(
    'Clients',
    kinds.cidrs,
    'loopback and the directly attached private networks',
    'Networks whose clients may connect.',
  ),
  TRUSTED_PROXIES: setting('Clients', kinds.cidrs, '', 'Networks of proxies whose X-Forwarded-* headers are believed.'),
  'CLIENT_AUTH_<c>': setting(
    'Clients',
    kinds.choice('strip', 'forward'),
    'strip',
    "What happens to clients' credentials: strip never sends them anywhere; forward passes them to an UPSTREAM_<c> of your own.",
  ),
  'DIST_URLS_<c>': {
    ...setting(
      'Clients',
      kinds.choice('mirrors', 'rewrite'),
      'mirrors',
      "How clients learn that files can be had here: mirrors leaves the files' own addresses in documents (and so in lockfiles, which work without the cache); rewrite puts addresses of the cache in their place, for networks without a way out.",
    ),
    needs: 'distUrls',
  },
  'REDIRECT_INVALID_TO_<c>': {
    ...setting(
      'Clients',
      kinds.pageUrl,
      '',
      "Where people are sent who ask this cache for something that has nothing to do with it; unless set they get a 404. The other settings of ALICE's older cache: BACKEND_PREFIX is UPSTREAM_alice here, LOCAL_ROOT CACHE_DIR, HOST GLOBAL_IP, PORT PORT_alice, HTTP_CONN_RETRIES RETRIES, HTTP_TIMEOUT_SEC CONNECT_TIMEOUT, HEADERS_TIMEOUT and IDLE_TIMEOUT, CACHE_INDEX_DURATION TTL_alice, CACHE_FILE_DURATION CACHE_SIZE_alice (by size, what was not used longest first).",
    ),
    needs: 'foreign',
  },

  CACHE_DIR: setting('Storage', kinds.text, '~/.cache/larder', 'Where the bytes are (XDG_CACHE_HOME is respected).'),
  STATE_DIR: setting('Storage', kinds.text, '~/.local/state/larder', 'Where logs and what must survive are (XDG_STATE_HOME is respected).'),
  CACHE_SIZE: setting(
    'Storage',
    kinds.size,
    '20% of the disk, at most 100GB',
    'Most that all caches together may hold; what was not used longest goes first.',
  ),
  'CACHE_SIZE_<c>': setting('Storage', kinds.size, '', 'Most that one cache may hold.'),
  'CACHE_SIZE_<c>_<name>': {
    ...setting('Storage', kinds.size, '', 'Most that may be held of one named upstream.'),
    needs: 'mirrored',
  },
  MIN_FREE: setting('Storage', kinds.size, '5% of the disk, between 1GB and 20GB', 'Free space below which nothing new is stored.'),

  'TTL_<c>': setting(
    'Freshness',
    kinds.duration,
    'as its kind needs',
    'How long every index of the cache is served without asking the upstream; of julia how often, while clients ask, the storage servers are asked for newer registries; of http as TTL_<c>_<name>, for all.',
  ),
  'TTL_<c>_<name>': {
    ...setting(
      'Freshness',
      kinds.duration,
      'TTL_<c>, else a tenth of the time since the last change, at most a day',
      'How long a response of this upstream that names no lifetime itself is served without asking. One that names a lifetime has that one.',
    ),
    needs: 'mirrored',
  },
  NEGATIVE_TTL: setting('Freshness', kinds.duration, '30s', 'How long "not found" (404, 410) is remembered.'),
  STALE_MAX: setting('Freshness', kinds.duration, 'no limit', 'Longest age of an index that is still served while the upstream fails.'),
  STALE_WAIT: setting('Freshness', kinds.duration, '2s', 'How long a client waits for the upstream before it gets the index that is held.'),
  'CHANGED_<c>': {
    ...setting(
      'Freshness',
      kinds.choice('refuse', 'keep', 'follow'),
      'refuse; of stores that replace what they have (alice), follow',
      'When the promised digest of a released file changes: refuse it, keep serving the old bytes, or follow the upstream.',
    ),
    needs: 'pinnedBy',
  },
  PIN_WAIT: setting('Freshness', kinds.duration, '2s', 'How long the end of a file waits for the index that says what its digest is.'),

  MAX_DOCUMENT: setting('Limits', kinds.bytes, '128MiB', 'Largest index that is read.'),
  MEMORY: setting('Limits', kinds.bytes, '100MiB', 'Memory for ready responses, for each cache.'),
  WORKERS: setting('Limits', kinds.positive, 'one less than the processors, from 1 to 4', 'Workers that rewrite indexes.'),
  CONNECT_TIMEOUT: setting('Limits', kinds.duration, '10s', 'Longest time to connect to an upstream.'),
  HEADERS_TIMEOUT: setting('Limits', kinds.duration, '30s', "Longest time to an upstream's first answer."),
  IDLE_TIMEOUT: setting(
    'Limits',
    kinds.duration,
    '30s',
    'Longest silence in the middle of a download. There is no limit on its whole duration.',
  ),
  RETRIES: setting(
    'Limits',
    kinds.positive,
    '4',
    'How often in a row a download that breaks off is taken up again; what gained at least 1 MiB counts anew.',
  ),

  ...SERVICE_SETTINGS,

  LOG_LEVEL: setting(
    'Log',
    kinds.choice('error', 'warn', 'info', 'debug'),
    'info',
    'What is logged beside one line a request (that: from info on).',
  ),
  LOG_FORMAT: setting('Log', kinds.choice('text', 'json'), 'text', 'Form of the log.'),
  LOG_TO: setting(
    'Log',
    kinds.choice('file', 'stdout'),
    'file',
    'Where the log goes: files in STATE_DIR, or standard output, where a supervisor keeps it.',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
/** What a setting's kind reads. */
export type SettingValue<N extends SettingName> = (typeof SETTINGS)[N] extends Setting<infer T> ? T : never;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
