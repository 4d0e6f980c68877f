/**
 * A whole cache for flow tests: of one ecosystem, on a temporary store, against whatever upstream is named; in this process, or as a child that
 * can be killed. It is asked over real sockets, and remembers what it logged.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { modules } from '../../caches/index';
import { openAppliance, type Appliance } from '../appliance';
import { loadConfig } from '../config/load';
import type { EarlyTiming } from '../engine/documents/early';
import type { Patience } from '../http/listen';
import type { Module, Pin } from '../../caches/module';
import type { Entry } from '../store/entry';
import type { AccessLine, Log, LogFacts } from '../log/types';
import { ask as askOnce, raw as rawOnce, type Asked, type AskOptions, type Got } from './ask';
import { canConnect, freePort } from './ports';
import { until } from './until';

export type { Asked, AskOptions, Got } from './ask';

const DIST = resolve(__dirname, '..', '..');

/** What the cache is, and what it asks. */
export interface HouseOptions {
  /** The ecosystems there are, if not those of this house; in this process only. */
  readonly modules?: readonly Module[];
  /** Whose cache it is; npm's unless given. Houses of several ecosystems may share one home. */
  readonly module?: string;
  /** UPSTREAM_<module>: one base URL, or the mirrors in order of preference; none at all if it is an empty list. */
  readonly upstream: string | readonly string[];
  /** Further settings, by their names in .env. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder with cache/ and state/, which stays; a temporary one that goes with the house unless given. */
  readonly home?: string;
  /** ms since the epoch; in this process only. */
  readonly now?: () => number;
  /** With slow and idle clients; in this process only. */
  readonly patience?: Patience;
  /** When answers begin before their documents are there; in this process only. */
  readonly early?: EarlyTiming;
  /** Whose signatures are good: keyrings and folders of them; those of this machine unless given. In this process only. */
  readonly keyrings?: readonly string[];
  /** A child's program; dist/shared/main.js of this build unless given. */
  readonly main?: string;
  /** Command and arguments put in front of a child's, e.g. `unshare --pid --fork`. Signals go to what it runs. */
  readonly wrap?: readonly string[];
}

/** The cache's own page about a target. */
export interface Why {
  readonly key: string;
  readonly verdict: { readonly do: string };
  readonly entry: Entry | null;
  readonly pin: Pin | null;
}

/** One event of the log. */
export interface LoggedEvent {
  readonly level: string;
  readonly event: string;
  readonly facts: LogFacts;
}

/** A cache that runs, and clients of it. */
export interface House {
  /** `http://127.0.0.1:<port>`, no trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly home: string;
  readonly cacheDir: string;
  readonly stateDir: string;
  get(target: string, options?: AskOptions): Promise<Got>;
  ask(target: string, options?: AskOptions): Asked;
  /** Sends these bytes on a connection of its own. @returns what came until the cache closed it, or until `end` matches */
  raw(bytes: string | Buffer, end?: RegExp): Promise<string>;
  /** What the cache would do with a target, and what it holds of it. Asks no upstream. */
  why(target: string): Promise<Why>;
  /** Waits until a target is held. @returns its entry */
  kept(target: string): Promise<Entry>;
  /** Ends it gracefully; its home goes too, unless it was given. */
  stop(): Promise<void>;
}

/** One in this process: what it logs can be read. */
export interface LocalHouse extends House {
  readonly appliance: Appliance;
  readonly events: readonly LoggedEvent[];
  readonly access: readonly AccessLine[];
  /** The logged events of a name. */
  said(event: string): readonly LoggedEvent[];
}

/** One in a process of its own: it can be killed. */
export interface ChildHouse extends House {
  readonly child: ChildProcess;
  /** What its log file has so far. */
  log(): string;
  /** kill -9; resolves when it is gone. Its home stays until `stop`. */
  kill(): Promise<void>;
}

/** Opens a cache in this process. Stop it. @throws LarderError config | start */
export async function openHouse(options: HouseOptions): Promise<LocalHouse> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'house-'));
  const env = environment(options, home, 1);
  const all = options.modules ?? modules;
  const loaded = loadConfig({ env, envFile: '/dev/null', modules: all });
  const config = { ...loaded, caches: loaded.caches.map((one) => ({ ...one, port: 0 })) };
  const [cache] = config.caches;
  const module = all.find(({ name }) => name === nameOf(options));
  if (!cache || !module) throw new Error(`there is no cache ${nameOf(options)}`);
  const events: LoggedEvent[] = [];
  const access: AccessLine[] = [];
  const appliance = await openAppliance({
    config,
    cache,
    module,
    modulesPath: join(DIST, 'caches', 'index.js'),
    log: recorder(events, access),
    onStop: () => undefined,
    quietMs: 0,
    ...(options.now ? { now: options.now } : {}),
    ...(options.patience ? { patience: options.patience } : {}),
    ...(options.early ? { early: options.early } : {}),
    ...(options.keyrings ? { keyrings: options.keyrings } : {}),
  });
  let closing: Promise<void> | undefined;
  return {
    ...client(appliance.port, home),
    appliance,
    events,
    access,
    said: (event) => events.filter((one) => one.event === event),
    stop: () => (closing ??= appliance.close().then(() => forget(options, home))),
  };
}

/** Starts a cache as a process of its own, as `make start` would. @throws Error if it does not answer */
export async function startHouse(options: HouseOptions): Promise<ChildHouse> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'house-'));
  const port = await freePort();
  const main = options.main ?? join(DIST, 'shared', 'main.js');
  const [command = '', ...values] = [...(options.wrap ?? []), process.execPath, main, nameOf(options)];
  const child = spawn(command, values, {
    env: { PATH: process.env['PATH'], LARDER_ENV_FILE: '/dev/null', ...environment(options, home, port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  await until(`the cache listens: ${complaint}`, () => child.exitCode !== null || canConnect(port));
  if (child.exitCode !== null) throw new Error(`the cache did not start: ${complaint}`);
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (options.wrap) process.kill(childOf(child.pid ?? 0), signal);
    else child.kill(signal);
    await gone;
  };
  return {
    ...client(port, home),
    child,
    log: () => readFileSync(join(home, 'state', 'log', `${nameOf(options)}.log`), 'utf8'),
    kill: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM');
      forget(options, home);
    },
  };
}

/** The only child of a process (Linux). */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

function nameOf(options: HouseOptions): string {
  return options.module ?? 'npm';
}

function environment(options: HouseOptions, home: string, port: number): Record<string, string> {
  const name = nameOf(options);
  const bases = typeof options.upstream === 'string' ? [options.upstream] : options.upstream;
  return {
    HOME: home,
    CACHES: name,
    GLOBAL_IP: '127.0.0.1',
    [`PORT_${name}`]: String(port),
    CACHE_DIR: join(home, 'cache'),
    STATE_DIR: join(home, 'state'),
    ...(bases.length > 0 ? { [`UPSTREAM_${name}`]: bases.join(' ') } : {}),
    UPSTREAM_PROXY: 'none',
    // What this machine uses is no part of a test.
    ...(modules.some((module) => module.name === name && module.machineSources) ? { [`${name.toUpperCase()}_SOURCES`]: 'no' } : {}),
    CACHE_SIZE: '1GB',
    MIN_FREE: '1MB',
    WORKERS: '1',
    ...options.env,
  };
}

function forget(options: HouseOptions, home: string): void {
  if (options.home === undefined) rmSync(home, { recursive: true, force: true });
}

function recorder(events: LoggedEvent[], access: AccessLine[]): Log {
  const note =
    (level: string) =>
    (event: string, facts: LogFacts = {}): void =>
      void events.push({ level, event, facts });
  return {
    error: note('error'),
    warn: note('warn'),
    info: note('info'),
    debug: note('debug'),
    access: (line) => void access.push({ ...line }),
    flush: () => Promise.resolve(),
  };
}

function client(port: number, home: string): Omit<House, 'stop'> {
  const ask = (target: string, options: AskOptions = {}): Asked => askOnce(port, target, options);
  const get = (target: string, options?: AskOptions): Promise<Got> => ask(target, options).whole;
  const why = async (target: string): Promise<Why> =>
    JSON.parse((await get(`/_cache/why?url=${encodeURIComponent(target)}`)).body.toString()) as Why;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    home,
    cacheDir: join(home, 'cache'),
    stateDir: join(home, 'state'),
    ask,
    get,
    why,
    kept: (target) => until(`${target} is held`, async () => (await why(target)).entry ?? undefined),
    raw: (bytes, end) => rawOnce(port, bytes, end),
  };
}
