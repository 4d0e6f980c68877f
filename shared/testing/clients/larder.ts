import { spawn, type ChildProcess } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../ports';
import { removeFolder, temporaryFolder } from './folder';
import { registry } from './reachable';
import { bareEnvironment, killGroup } from './run';

/** Settings as in .env; see .env.example for their names. */
export type Settings = Readonly<Record<string, string>>;

/** One Larder in a process of its own, with a store, state folder and port of its own. */
export interface Larder {
  /** Base URL of its npm cache, with a slash at its end. The same after a restart. */
  readonly url: string;
  /** Stops the process and starts it again on the same port and store; the settings given are added to those of the start. */
  restart(settings?: Settings): Promise<void>;
  /** Ends the process; the store stays until remove(). */
  stop(): Promise<void>;
  /** Ends the process and removes everything it kept. */
  remove(): Promise<void>;
  /** Everything in its log folder, and what it printed. */
  log(): Promise<string>;
  /** Whether any file that it keeps (log, store, ledger), or what it printed, has this text in it. */
  holds(text: string): Promise<boolean>;
}

/** Longest wait for the health page, ms: far more than a start needs, also beside other tests. */
const START_MS = 30_000;
const STOP_MS = 10_000;
const MAIN = resolve(__dirname, '../../main.js');

/** Starts the built server (dist/shared/main.js) with an npm cache for this machine's registry, or for what `settings` says. */
export async function startLarder(settings: Settings = {}): Promise<Larder> {
  const folder = await temporaryFolder('server');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  let added: Settings = settings;
  let running: ChildProcess | undefined;
  const printed: string[] = [];
  // An empty settings file of its own: the .env of the clone belongs to the person who works in it.
  await writeFile(join(folder, 'settings'), '');

  const start = async (): Promise<void> => {
    const child = spawn(process.execPath, [MAIN, 'npm'], { cwd: folder, env: environment(folder, port, added), detached: true });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => printed.push(chunk.toString()));
    running = child;
    await healthy(url, child, printed);
  };
  const stop = async (): Promise<void> => {
    if (running !== undefined) await end(running);
    running = undefined;
  };
  try {
    await start();
  } catch (error) {
    await stop();
    await removeFolder(folder);
    throw error;
  }
  return {
    url,
    stop,
    restart: async (more = {}) => {
      await stop();
      added = { ...added, ...more };
      await start();
    },
    remove: async () => {
      await stop();
      await removeFolder(folder);
    },
    holds: async (text) => (await filesBelow(folder)).some((bytes) => bytes.includes(text)) || printed.join('').includes(text),
    log: async () => `${await textBelow(join(folder, 'state', 'log'))}${printed.join('')}`,
  };
}

function environment(folder: string, port: number, settings: Settings): NodeJS.ProcessEnv {
  return {
    ...bareEnvironment(folder),
    LARDER_ENV_FILE: join(folder, 'settings'),
    CACHES: 'npm',
    GLOBAL_IP: '127.0.0.1',
    PORT_npm: String(port),
    CACHE_DIR: join(folder, 'cache'),
    STATE_DIR: join(folder, 'state'),
    MIN_FREE: '50MB',
    UPSTREAM_npm: registry.url,
    ...(registry.caFile === undefined ? {} : { UPSTREAM_CA_FILE: registry.caFile }),
    ...settings,
  };
}

async function healthy(url: string, child: ChildProcess, printed: readonly string[]): Promise<void> {
  const limit = Date.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`Larder ended at its start:\n${printed.join('')}`);
    const answer = await fetch(`${url}_cache/health`).catch(() => undefined);
    if (answer?.ok === true) return;
    if (Date.now() > limit) throw new Error(`Larder did not become healthy in ${START_MS} ms:\n${printed.join('')}`);
    await sleep(25);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise<void>((done) => child.once('exit', () => done()));
    killGroup(child.pid, 'SIGTERM');
    const timer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
  killGroup(child.pid, 'SIGKILL');
}

async function textBelow(folder: string): Promise<string> {
  return Buffer.concat(await filesBelow(folder)).toString('utf8');
}

async function filesBelow(folder: string): Promise<Buffer[]> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Promise.all(names.map((entry) => readFile(join(entry.parentPath, entry.name))));
}
