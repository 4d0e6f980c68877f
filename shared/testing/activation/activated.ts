/** A cache that is started by its sockets, by a stand-in for systemd (activator.py): woken by a connection, and again after its end. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { ask, type AskOptions, type Got } from '../ask';
import { until } from '../until';

const DIST = resolve(__dirname, '..', '..', '..');
const ACTIVATOR = resolve(DIST, '..', 'shared', 'testing', 'activation', 'activator.py');

/** How the sockets are made, and what they start. */
export interface ActivatedOptions {
  /** Whose cache it is; npm's unless given. */
  readonly cache?: string;
  /** HOST:PORT, [HOST]:PORT, the path of a Unix socket, or `connected` for a connection; one free port of 127.0.0.1 unless given. */
  readonly addresses?: readonly string[];
  /** UPSTREAM_<cache>; none unless given. */
  readonly upstream?: string;
  /** Further environment of the cache. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder with cache/ and state/, which stays; a temporary one that goes with it unless given. */
  readonly home?: string;
  /** Name of the sockets; `cache-<cache>` unless given. */
  readonly fdName?: string;
  /** Put in front of the command. */
  readonly wrap?: readonly string[];
}

/** What the stand-in tells: `status` of an end is the exit status, or the negative number of a signal. */
export interface Activation {
  readonly event: 'bound' | 'started' | 'ended';
  readonly pid?: number;
  readonly status?: number;
}

/** Sockets that start a process with their first connection. */
export interface Activated {
  /** Of the first socket. */
  readonly port: number;
  /** Of all sockets. */
  readonly ports: readonly number[];
  readonly home: string;
  readonly events: readonly Activation[];
  /** The process that runs at present. */
  readonly pid: () => number | undefined;
  /** How often it was started so far. */
  readonly starts: () => number;
  /** What its processes wrote to standard error so far. */
  readonly errors: () => string;
  /** What its log has so far. */
  readonly log: () => string;
  readonly get: (target: string, options?: AskOptions) => Promise<Got>;
  /** Starts it as `systemctl start` does, without a connection. */
  readonly start: () => void;
  readonly signal: (number: number) => void;
  /** Waits until no process runs. @returns the last exit status */
  readonly ended: () => Promise<number | undefined>;
  /** Ends the stand-in, and at once what runs. */
  readonly close: () => Promise<void>;
}

/** Binds the sockets; nothing runs until somebody connects. */
export async function activate(options: ActivatedOptions = {}): Promise<Activated> {
  const { cache = 'npm', addresses = ['127.0.0.1:0'] } = options;
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'activated-'));
  const command = [...(options.wrap ?? []), process.execPath, join(DIST, 'shared', 'main.js'), cache];
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    LARDER_ENV_FILE: '/dev/null',
    CACHES: cache,
    CACHE_DIR: join(home, 'cache'),
    STATE_DIR: join(home, 'state'),
    [`UPSTREAM_${cache}`]: options.upstream ?? '',
    UPSTREAM_PROXY: 'none',
    CACHE_SIZE: '1GB',
    MIN_FREE: '1MB',
    WORKERS: '1',
    ...options.env,
  };
  const child = spawn('python3', [ACTIVATOR, options.fdName ?? `cache-${cache}`, ...addresses, '--', ...command], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const events: Activation[] = [];
  let bound: ReadonlyArray<string | readonly [string, number]> | undefined;
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as Activation & { readonly addresses?: typeof bound };
    if (event.addresses) bound = event.addresses;
    events.push(event);
  });
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  const running = (): number | undefined => {
    const last = events.findLast(({ event }) => event !== 'bound');
    return last?.event === 'started' ? last.pid : undefined;
  };
  await until('the sockets are bound', () => bound !== undefined || child.exitCode !== null);
  if (bound === undefined) throw new Error(`the stand-in for systemd did not start: ${errors}`);
  const ports = bound.map((address) => (typeof address === 'string' ? 0 : address[1]));
  const [port = 0] = ports;
  return {
    port,
    ports,
    home,
    events,
    pid: running,
    starts: () => events.filter(({ event }) => event === 'started').length,
    errors: () => errors,
    log: () => readFileSync(join(home, 'state', 'log', `${cache}.log`), 'utf8'),
    get: (target, asked = {}) => ask(port, target, asked).whole,
    start: () => void child.stdin.write('start\n'),
    signal: (number) => void child.stdin.write(`signal ${number}\n`),
    ended: async () => {
      await until('it has ended', () => running() === undefined);
      return events.findLast(({ event }) => event === 'ended')?.status;
    },
    close: async () => {
      child.stdin.end();
      await gone;
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
}
