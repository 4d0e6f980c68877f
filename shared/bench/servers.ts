/** The servers of the bench: the local registry, nginx as peer, Larder. Each in a directory of its own, on a free port. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, cpuMs, launch, type Child } from './process';
import { SERVER_CORE, LOAD_CORE, nginxProgram } from './machine';

const SOURCE = resolve(__dirname, '../../../shared/bench');
const MAIN = resolve(__dirname, '../main.js');

/** A running server. */
export interface Server {
  readonly name: PeerName;
  /** Without trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Its files; removed with the bench's temp directory. */
  readonly dir: string;
  /** The process that does the work: nginx's worker, Larder itself. */
  readonly pid: number;
  /** CPU time of that process so far, ms. */
  cpuMs(): number;
  stop(): Promise<void>;
}

export type PeerName = 'larder' | 'nginx';
/** Which of Larder's caches. */
export type CacheName = 'npm' | 'pip' | 'apt' | 'composer' | 'julia' | 'alice' | 'http';

/** How to start one server. */
export interface StartOptions {
  /** Directory with its state; an existing one is taken up again (a warm store). */
  readonly dir: string;
  /** `host:port` of the registry. */
  readonly upstream: string;
  /** Folder of the registry's files, which nginx also serves below /mirror/. */
  readonly files: string;
  /** npm unless set. */
  readonly cache?: CacheName;
  /** Further settings of Larder. */
  readonly env?: Readonly<Record<string, string>>;
  /** CPU list; the servers' core unless set. */
  readonly cores?: string;
  /** A port to use again; a free one unless set. */
  readonly port?: number;
}

/** Starts a peer without waiting for it: for the start-up cell. */
export function spawnPeer(name: PeerName, options: StartOptions & { readonly port: number }): Child {
  mkdirSync(options.dir, { recursive: true });
  const launched = { cores: options.cores ?? SERVER_CORE, output: join(options.dir, 'output.log') };
  if (name === 'nginx') {
    const conf = fill('nginx.conf', options.dir, { PORT: String(options.port), UPSTREAM: options.upstream, FILES: options.files });
    return launch(nginxProgram(), ['-p', options.dir, '-c', conf, '-e', join(options.dir, 'error.log')], launched);
  }
  const cache = options.cache ?? 'npm';
  const env = {
    PATH: process.env['PATH'],
    HOME: options.dir,
    [`PORT_${cache}`]: String(options.port),
    GLOBAL_IP: '127.0.0.1',
    CACHES: cache,
    CACHE_DIR: join(options.dir, 'store'),
    STATE_DIR: join(options.dir, 'state'),
    UPSTREAM_PROXY: 'none',
    ...upstreamSettings(cache, `http://${options.upstream}`),
    ...options.env,
  };
  return launch(process.execPath, [MAIN, cache], { ...launched, env, cwd: options.dir });
}

function upstreamSettings(cache: CacheName, url: string): Record<string, string> {
  if (cache === 'apt') return { UPSTREAM_apt_debian: `${url}/debian`, APT_SOURCES: 'no' };
  if (cache === 'http') return { UPSTREAM_http_bench: url };
  return { [`UPSTREAM_${cache}`]: url };
}

/** Starts a peer and waits until it accepts connections. @throws Error with its output if it does not within 10 s. */
export async function startPeer(name: PeerName, options: StartOptions): Promise<Server> {
  const port = options.port ?? (await freePort());
  const child = spawnPeer(name, { ...options, port });
  await accepting(port, child, join(options.dir, 'output.log'));
  const pid = name === 'nginx' ? await workerOf(child.pid) : child.pid;
  return { name, url: `http://127.0.0.1:${port}`, port, dir: options.dir, pid, cpuMs: () => cpuMs(pid), stop: child.stop };
}

/** Starts the registry over the given files on the load's core. */
export async function startUpstream(dir: string, files: string, port: number): Promise<Child> {
  mkdirSync(dir, { recursive: true });
  const conf = fill('upstream.conf', dir, { PORT: String(port), FILES: files });
  const child = launch(nginxProgram(), ['-p', dir, '-c', conf, '-e', join(dir, 'error.log')], {
    cores: LOAD_CORE,
    output: join(dir, 'output.log'),
  });
  await accepting(port, child, join(dir, 'error.log'));
  return child;
}

/** Path of one of the bench's plain files. */
export function sourceFile(name: string): string {
  return join(SOURCE, name);
}

/** A free port that even programs know which take port numbers for signed 16 bit (apt-cacher-ng). @throws Error if there is none */
export async function lowPort(): Promise<number> {
  for (let port = 13_142; port < 14_000; port++) {
    const found = await freePort(port).catch(() => undefined);
    if (found !== undefined) return found;
  }
  throw new Error('there is no free port below 14000');
}

/** A port of the loopback that is free now. @param wanted 0: any @throws Error if that one is not free */
export function freePort(wanted = 0): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

/** True if something accepts connections at the port. */
function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

/** Waits until the port accepts connections. @throws Error with the end of the log file if the process ends or the time is over. */
export async function accepting(port: number, child: Child, log: string, limitMs = 10_000): Promise<void> {
  let ended = false;
  void child.gone.then(() => (ended = true));
  for (const end = Date.now() + limitMs; Date.now() < end && !ended; await sleep(10)) {
    if (await accepts(port)) return;
  }
  await child.stop();
  throw new Error(`a server did not start: ${readFileSync(log, 'utf8').slice(-2000)}`);
}

async function workerOf(master: number): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt++, await sleep(10)) {
    for (const pid of childrenOf(master)) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('nginx: worker')) return pid;
    }
  }
  throw new Error('nginx has no worker process');
}

function fill(template: string, dir: string, values: Record<string, string>): string {
  // As root nginx would change to another user, who cannot read the temp directory.
  const all: Record<string, string> = { ...values, DIR: dir, USER: process.getuid?.() === 0 ? 'user root;' : '' };
  const text = readFileSync(sourceFile(template), 'utf8').replace(/@([A-Z]+)@/g, (whole, name: string) => all[name] ?? whole);
  const path = join(dir, template);
  writeFileSync(path, text);
  return path;
}
