/** For tests: a door that really listens, for a module whose clients name the archive, with an engine that answers as it is told. */
import type { Socket } from 'node:net';
import type { Archive, Module, Route } from '../../caches/module';
import type { CacheConfig, Config, Origin } from '../config/config';
import type { Answer, EngineRequest } from '../engine/answer';
import type { Engine } from '../engine/serve';
import type { AccessLine, Log } from '../log/types';
import type { Store, StoreChange } from '../store/types';
import { Archives } from '../http/archives';
import { Bases } from '../http/bases';
import { Counters } from '../http/counters';
import { Hot } from '../http/hot';
import { listen } from '../http/listen';
import { Nets } from '../http/nets';
import type { Passthrough } from '../http/passthrough';
import { Door, type ServerRooms } from '../http/server';
import { Tunnels } from '../http/tunnels';

/** What differs from a plain door. */
export interface StageOptions {
  /** OFFLINE; false unless given. */
  readonly offline?: boolean;
  /** APT_HOSTS; any unless given. */
  readonly hosts?: 'any' | readonly string[];
  readonly origins?: readonly Origin[];
  answer?(request: EngineRequest): Answer | Promise<Answer>;
  connect?(host: string, port: number, signal: AbortSignal): Promise<Socket>;
  /** Changes to the module. */
  readonly module?: Partial<Module>;
  readonly mostTunnels?: number;
  readonly tunnelIdleMs?: number;
}

/** The door, and what came through it. */
export interface Stage {
  readonly port: number;
  readonly asked: EngineRequest[];
  readonly access: AccessLine[];
  readonly counters: Counters;
  /** As if an entry of the store had changed. */
  changed(key: string): void;
  close(drainMs?: number): Promise<void>;
}

const VIA = 'stage';

/** Opens one. Close it. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const { hosts = 'any', origins = [{ name: 'registry', bases: [], operatorNamed: false }] } = options;
  const asked: EngineRequest[] = [];
  const access: AccessLine[] = [];
  const counters = new Counters();
  const silent = (): void => undefined;
  const log = { access: (line: AccessLine) => void access.push({ ...line }), error: silent, warn: silent, info: silent } as unknown as Log;
  let tell: (change: StoreChange) => void = silent;
  const store = { onChange: (to: typeof tell) => (tell = to), used: silent, changed: () => false } as unknown as Store;
  const config = { listen: ['127.0.0.1'], domain: 'srv', allowHosts: [] } as unknown as Config;
  const cache = { name: 'apt', port: 0, origins, clientAuth: 'strip', changed: 'follow', hosts } as CacheConfig;
  const module: Module = { ...stub, ...options.module };
  let port = 0;
  const bases = new Bases(config, cache, () => [{ address: '127.0.0.1', port }]);
  const hot = new Hot(module.name, store, bases, counters, log, 1e7, false, Date.now, module.archive !== undefined);
  const engine = {
    answer: async (request: EngineRequest) => {
      asked.push(request);
      if (!options.answer) throw new Error('nobody was to ask');
      return options.answer(request);
    },
    cutOff: silent,
  } as unknown as Engine;
  const archives = new Archives(module, cache);
  const own: ServerRooms['own'] = (_req, res) => void res.end('own');
  const door = new Door({
    config,
    cache,
    module,
    engine,
    hot,
    bases,
    ...(module.archive ? { archives } : {}),
    passthrough: {} as Passthrough,
    counters,
    log,
    viaToken: VIA,
    trusted: new Nets([]),
    now: Date.now,
    own,
  });
  const tunnels = new Tunnels({
    offline: options.offline ?? false,
    cacheName: 'apt',
    port: 443,
    archives,
    counters,
    log,
    viaToken: VIA,
    connect: options.connect ?? (() => Promise.reject(new Error('nobody was to connect'))),
    ...(options.mostTunnels === undefined ? {} : { most: options.mostTunnels }),
    ...(options.tunnelIdleMs === undefined ? {} : { idleMs: options.tunnelIdleMs }),
  });
  const listening = await listen(door, hot, {
    addresses: ['127.0.0.1'],
    port: 0,
    portSetting: 'PORT_stage',
    clients: new Nets(['127.0.0.0/8']),
    connectRefusal: '',
    ...(module.tunnels ? { tunnels } : {}),
  });
  ({ port } = listening);
  return {
    port,
    asked,
    access,
    counters,
    changed: (key) => tell({ module: 'apt', keys: [key] }),
    close: (drainMs = 0) => listening.close(drainMs, 0),
  };
}

const routeBase = { purpose: '', examples: [], contentType: 'x' };
const routes = [
  { ...routeBase, kind: 'document', name: 'index', target: /^\/.*\/dists\/.*$/, failure: 'close', ttlSeconds: 1, path: () => '/' },
  { ...routeBase, kind: 'immutable', name: 'file', target: /^\/.+$/, digest: 'sha256', path: () => '/' },
] as unknown as readonly Route[];

const stub: Module = {
  name: 'apt',
  title: 'a <stub>',
  defaultPort: 0,
  routes,
  purge: () => ({ documents: [], prefix: '/' }),
  error: ({ code, text, remedy }) => ({ contentType: 'text/plain', body: Buffer.from(`${code}: ${text}; ${remedy}\n`) }),
  clients: (base) => [{ client: 'one', on: `use "${base}/"`, off: 'leave' }],
  archive: archiveOf,
  tunnels: { port: 443 },
  ownAnswers: {
    '/': { status: 406, reason: 'Usage Information', leadsTo: '/_cache/setup' },
    '/old.html': { status: 302, reason: 'Found', leadsTo: '_cache/setup' },
  },
};

/** Roughly as apt's module reads it: a host has a dot or a colon. */
function archiveOf(rawPath: string, absolute: { readonly scheme: string; readonly host: string } | undefined): Archive | undefined {
  if (absolute) return { scheme: absolute.scheme === 'https' ? 'https' : 'http', host: absolute.host, target: rawPath };
  const [host = '', ...rest] = rawPath.replace(/^\/+/, '').split('/');
  return /[.:]/.test(host) && rest.length > 0 ? { scheme: 'http', host, target: `/${rest.join('/')}` } : undefined;
}
