/** A Docker engine in namespaces of its own: its bridges, rules and processes are gone with it, however the tests end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { run, runWell, type Outcome } from '../clients/run';

const START_MS = 90_000;
const STOP_MS = 60_000;
const SHORT_MS = 90_000;

/** An engine that runs; plain data, so that it can be handed to the tests. */
export interface Engine {
  /** Its state; below it the home of whoever uses it. */
  readonly folder: string;
  /** The first process of its namespaces, as this machine counts. */
  readonly pid: number;
  /** Address of this machine for everybody inside. */
  readonly machine: string;
  /** Address of the engine's machine for this one. */
  readonly address: string;
  /** Program files that were only unpacked: the registry. */
  readonly programs: string;
}

/** An engine, and what ends it. */
export interface StartedEngine extends Engine {
  /** Ends it and everything that runs in it. */
  stop(): Promise<void>;
}

/**
 * @param folder for its state; the caller removes it
 * @param programs where the plugins of the client (Compose, buildx) are
 * @throws Error with what the engine printed, if it does not come up
 */
export async function startEngine(folder: string, programs: string): Promise<StartedEngine> {
  const plugins = join(folder, 'home/.docker/cli-plugins');
  mkdirSync(plugins, { recursive: true });
  for (const name of ['docker-compose', 'docker-buildx'])
    if (existsSync(join(programs, name))) copyFileSync(join(programs, name), join(plugins, name));
  const log = openSync(join(folder, 'engine.log'), 'w');
  // The shell is the first process of the namespace: it takes in orphans, and when it ends nothing of the engine is left.
  const script = 'ip link set lo up; dockerd "$@" & child=$!; trap "kill $child" TERM; wait $child; wait $child';
  const spaces = ['--net', '--pid', '--mount', '--fork', '--kill-child=KILL', '--mount-proc'];
  // Nobody answers there: names that nobody knows here are told at once.
  const names = ['--dns', '127.0.0.1'];
  const options = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'engine.pid')];
  // It ends with this process, also where that is killed.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...spaces, 'sh', '-c', script, 'sh', ...options, ...names, '-H', socketOf(folder)],
    {
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], HOME: folder },
    },
  );
  try {
    const pid = await firstInside(child);
    const engine = { folder, pid, ...(await connectTo(pid)), programs };
    await answering(engine, child);
    // Whoever tries Larder there may use it.
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'engine.sock'), 0o666);
    return { ...engine, stop: () => stop(engine, child) };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** What the client needs to speak to the engine; nothing that names a registry or a proxy. */
export function engineVariables({ folder }: Engine): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: join(folder, 'home'), LANG: 'C.UTF-8', TZ: 'UTC', DOCKER_HOST: socketOf(folder) };
}

/** A command as it must be given to run in the engine's network: published ports are there, and this machine's are not. */
export function inNetworkOf({ pid }: Engine, command: readonly string[]): string[] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`, '--', ...command];
}

function socketOf(folder: string): string {
  return `unix://${join(folder, 'engine.sock')}`;
}

async function firstInside({ pid }: ChildProcess): Promise<number> {
  const children = `/proc/${pid}/task/${pid}/children`;
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(20)) {
    const found = Number(existsSync(children) ? readFileSync(children, 'utf8') : '');
    if (found > 0) return found;
  }
  throw new Error('the namespaces of the engine did not come up');
}

const quick = { cwd: '/', env: { PATH: process.env['PATH'] }, timeoutMs: SHORT_MS };

/** A line of its own between this machine and the engine. */
async function connectTo(pid: number): Promise<Pick<Engine, 'machine' | 'address'>> {
  const [here, there] = [`lard${pid}a`, `lard${pid}b`];
  const net = `10.213.${pid & 255}.${((pid >> 8) & 63) * 4}`.split('.').map(Number);
  const [machine, address] = [1, 2].map((offset) => [...net.slice(0, 3), (net[3] ?? 0) + offset].join('.')) as [string, string];
  await runWell(['ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', String(pid)], quick);
  await runWell(['ip', 'addr', 'add', `${machine}/30`, 'dev', here], quick);
  await runWell(['ip', 'link', 'set', here, 'up'], quick);
  const inside = ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
  await runWell([...inside, 'ip', 'addr', 'add', `${address}/30`, 'dev', there], quick);
  await runWell([...inside, 'ip', 'link', 'set', there, 'up'], quick);
  // A machine has somewhere to send things: some of what engines do depends on there being a default route.
  await runWell([...inside, 'ip', 'route', 'add', 'default', 'via', machine], quick);
  return { machine, address };
}

async function answering(engine: Engine, child: ChildProcess): Promise<void> {
  let last: Outcome | undefined;
  for (const end = Date.now() + START_MS; Date.now() < end && child.exitCode === null; await sleep(100)) {
    last = await run(['docker', 'version'], { ...quick, env: engineVariables(engine) });
    if (last.code === 0) return;
  }
  throw new Error(`the engine did not come up: ${last?.stderr}\n${readFileSync(join(engine.folder, 'engine.log'), 'utf8').slice(-2_000)}`);
}

async function stop(engine: Engine, child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  process.kill(engine.pid, 'SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
