/**
 * What a code cache is made of: the functions that a start and a hit have to compile. So every cache is opened once, and npm's is asked for a
 * file that is held. Everything on loopback and in a folder of its own.
 */
import { createHash } from 'node:crypto';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { modules } from '../../caches/index';
import { openAppliance, type Appliance } from '../appliance';
import { loadConfig } from '../config/load';
import { makeFolders } from '../folders';
import { createLog } from '../log/log';

const FILE = '/larder/-/larder-1.0.0.tgz';
const BYTES = Buffer.alloc(100_000, 'larder');
/** Until the file is held. */
const HELD_MS = 3000;

/** Fills a store for `rehearse`. @throws Error: loopback or the folder cannot be used */
export async function prepareStore(home: string): Promise<void> {
  const upstream = await startUpstream();
  try {
    const base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    await visit(home, 'npm', { UPSTREAM_npm: base }, 'hit');
  } finally {
    upstream.close();
    upstream.closeAllConnections();
  }
}

/** Opens every cache, and asks npm's for a file that is held. @throws Error as `prepareStore` */
export async function rehearse(home: string): Promise<void> {
  for (const { name } of modules) await visit(home, name, { OFFLINE: 'yes' });
}

/** Opens a cache, asks it for the file, once or until it is held, and closes it. */
async function visit(home: string, name: string, settings: Record<string, string>, until?: 'hit'): Promise<void> {
  const env = { HOME: home, CACHES: name, CACHE_DIR: join(home, 'cache'), STATE_DIR: home, MIN_FREE: '1', ...settings };
  const config = loadConfig({ env, envFile: '/dev/null', modules });
  const module = modules.find((each) => each.name === name);
  const [cache] = config.caches;
  if (!cache || !module) throw new Error(`there is no cache ${name}`);
  makeFolders(config);
  const log = createLog({ stateDir: config.stateDir, name, level: 'info', format: 'text' });
  const modulesPath = join(__dirname, '..', '..', 'caches', 'index.js');
  const appliance = await openAppliance({
    config,
    cache: { ...cache, port: 0 },
    module,
    modulesPath,
    log,
    quietMs: 0,
    onStop: () => undefined,
  });
  try {
    for (const end = Date.now() + HELD_MS; (await ask(appliance)) !== 'hit' && until === 'hit';) {
      if (Date.now() > end) throw new Error(`${FILE} is not held after ${HELD_MS} ms`);
      await new Promise((done) => setTimeout(done, 50));
    }
  } finally {
    await appliance.close();
    await log.close();
  }
}

/** @returns X-Cache of the answer */
function ask({ port }: Appliance): Promise<unknown> {
  return new Promise((done, fail) => {
    const request = get({ host: '127.0.0.1', port, path: FILE, agent: false }, (response) => {
      response.resume();
      response.once('close', () => done(response.headers['x-cache']));
    });
    request.once('error', fail);
  });
}

/** A registry with one package. */
function startUpstream(): Promise<Server> {
  const server = createServer((req, res) => {
    const integrity = `sha512-${createHash('sha512').update(BYTES).digest('base64')}`;
    const dist = { tarball: `http://${req.headers.host}${FILE}`, integrity };
    const packument = {
      name: 'larder',
      'dist-tags': { latest: '1.0.0' },
      versions: { '1.0.0': { name: 'larder', version: '1.0.0', dist } },
    };
    if (req.url === '/larder') res.setHeader('Content-Type', 'application/json').end(JSON.stringify(packument));
    else if (req.url === FILE) res.setHeader('Content-Type', 'application/octet-stream').end(BYTES);
    else res.writeHead(404).end();
  });
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => done(server));
  });
}
