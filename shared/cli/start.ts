/** `start`: runs a cache in the background, waits until it answers and says how to use it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { upstreamSetting } from '../../caches/module';
import type { CacheConfig } from '../config/config';
import { logFile, startLogFile } from '../config/files';
import { errorAdvice, LarderError } from '../errors';
import type { Context } from './context';
import { baseUrlOf, forEach, isConfigured, moduleOf, reachable } from './context';
import { findRunning, type Running } from './control';
import { lastLine, ownReason } from './programs';
import { requireOwnFolder } from './store-owner';
import { socketOf } from './systemd/unit-names';
import { isAboutTheMachine, isWoken, isWokenForAll, listenAgain } from './systemd/woken';

/** Longest wait for the first answer: a big store may have its catalogue to rebuild. */
const START_MS = 60_000;
const POLL_MS = 40;
const HEALTH = '/_cache/health';

/** Starts each, also if another one cannot be started. @throws LarderError start: those that cannot, in one line */
export async function startCaches(context: Context): Promise<void> {
  const started: Started[] = [];
  try {
    // Root's make start means the sockets that there are.
    const meant =
      isAboutTheMachine(context) && !context.single ? context.caches.filter((cache) => isWoken(context, cache)) : context.caches;
    await forEach({ ...context, caches: meant }, async (cache) => void started.push(await startCache(context, cache)));
  } finally {
    for (const line of aboutAll(context, started)) context.out(line);
  }
}

type Started = 'in the background' | 'by a socket';

async function startCache(context: Context, cache: CacheConfig): Promise<Started> {
  const { config, out } = context;
  const place = baseUrlOf(config, cache);
  const isByASocket = isWoken(context, cache);
  if (isByASocket) {
    listenAgain(context, cache);
    out(`The ${cache.name} cache is woken at ${place} by its socket (${socketOf(cache.name)}); nothing is to be started.`);
  } else if (isAboutTheMachine(context)) {
    throw new LarderError('start', {
      what: `the machine's systemd has no socket of the ${cache.name} cache`,
      remedy: `make install-sockets c=${cache.name}, or scope=user for a cache of your own`,
    });
  } else {
    const running = (await runningHere(context, cache)) ?? (await launched(context, cache));
    out(`The ${cache.name} cache ${running ? `already runs at ${place} (process ${running.status.pid}).` : `runs at ${place}`}`);
  }
  for (const line of clientLines(context, cache)) out(line);
  if (!isConfigured(context, cache)) out(notConfigured(context, cache));
  return isByASocket ? 'by a socket' : 'in the background';
}

/** What is the same for all of them, once. */
function aboutAll({ config, caches, single }: Context, started: readonly Started[]): string[] {
  const [first] = caches;
  if (started.length === 0 || !first) return [];
  const [it, words] = single ? ['It does', ` c=${first.name}`] : ['They do', ''];
  return [
    `  log    ${single ? logFile(config, first.name) : join(dirname(logFile(config, first.name)), '<cache>.log')}`,
    `  store  ${config.cacheDir}`,
    ...(started.includes('by a socket') ? ['  After a change of settings: make install-sockets'] : []),
    ...(started.includes('in the background')
      ? [`  ${it} not survive a reboot: then run make start${words} again. To stop: make stop${words}`]
      : []),
  ];
}

/** @returns undefined once it runs; the process that somebody else's start made in the same moment @throws LarderError start */
async function launched(context: Context, cache: CacheConfig): Promise<Running | undefined> {
  const { config } = context;
  requireOwnFolder('CACHE_DIR', config.cacheDir);
  requireOwnFolder('STATE_DIR', config.stateDir);
  requireOwnFolder('STATE_DIR', dirname(logFile(config, cache.name)));
  try {
    await launch(context, cache);
    return undefined;
  } catch (error) {
    const faster = await runningHere(context, cache);
    if (faster) return faster;
    if (!isWokenForAll(context, cache)) throw error;
    throw new LarderError(
      'start',
      { what: errorAdvice(error), remedy: `the machine's systemd wakes a ${cache.name} cache already: sudo make status` },
      error,
    );
  }
}

async function runningHere({ config }: Context, cache: CacheConfig): Promise<Running | undefined> {
  return (await findRunning(config.cacheDir, cache.name)).find(({ status }) => status.port === cache.port);
}

/** How each client is pointed at the cache, and away from it again. */
export function clientLines(context: Context, cache: CacheConfig): string[] {
  const lines = moduleOf(context, cache).clients(baseUrlOf(context.config, cache));
  const width = Math.max(...lines.map(({ client }) => client.length));
  return lines.flatMap(({ client, on, off }) => [`  ${client.padEnd(width)}  on:  ${on}`, `  ${' '.repeat(width)}  off: ${off}`]);
}

/** What is missing, in one line. */
export function notConfigured(context: Context, cache: CacheConfig): string {
  const setting = upstreamSetting(moduleOf(context, cache));
  return `  Not configured: it has no upstream yet. Set ${setting}=https://… in .env, then make restart c=${cache.name}.`;
}

async function launch(context: Context, cache: CacheConfig): Promise<void> {
  const startLog = startLogFile(context.config, cache.name);
  const output = openSync(startLog, 'w');
  const child = spawn(process.execPath, [context.serverPath, cache.name], {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...context.env },
  });
  closeSync(output);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `status ${String(code)}`));
  });
  const ended = await Promise.race([exited, untilAnswering(context, cache, child)]);
  if (ended !== undefined) throw new LarderError('start', { what: startError(startLog, cache.name, ended), remedy: '' });
  child.unref();
}

/** @returns undefined once this very child answers on its address @throws LarderError start: it takes too long */
async function untilAnswering(context: Context, cache: CacheConfig, child: ChildProcess): Promise<undefined> {
  const { cacheDir, listen } = context.config;
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    if (child.exitCode !== null || child.signalCode !== null) return new Promise<undefined>(() => {}); // the other racer tells
    // Somebody else's server on the port may answer too, so the control socket says whose answer it is.
    const running = await findRunning(cacheDir, cache.name);
    if (!running.some(({ status }) => status.pid === child.pid)) continue;
    if (await isHealthy(`http://${reachable(listen[0] ?? '127.0.0.1')}:${cache.port}${HEALTH}`)) return undefined;
  }
  child.kill();
  throw new LarderError('start', {
    what: `the ${cache.name} cache did not answer within ${START_MS / 1000} s`,
    remedy: `see ${logFile(context.config, cache.name)}`,
  });
}

function isHealthy(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

// A server that cannot start says why in one line; anything else is a fault of ours, so its last line is shown.
function startError(startLog: string, cache: string, ended: string): string {
  const log = readFileSync(startLog, 'utf8');
  return ownReason(log) ?? `the ${cache} cache ended with ${ended}: ${lastLine(log, 'no message')} (see ${startLog})`;
}
