import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Module } from '../../caches/module';
import type { Status } from '../http/status';
import { runCommand, type Said } from '../testing/command-line';
import { freePort } from '../testing/ports';
import { standInModule } from '../testing/stand-in-systemd';
import { renderStatus } from './status';

const fake = standInModule('fake', 1);

/** A server as the command line knows it: health on its port, status and stop on its socket, one line on a start error. */
const SERVER = `
const { createServer } = require('node:http');
const { mkdirSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { CACHE_DIR, PORT_fake, FAKE_CRASH } = process.env;
if (FAKE_CRASH) throw new Error('crashed');
const run = join(CACHE_DIR, 'run');
mkdirSync(run, { recursive: true });
process.chdir(run); // a long path fits no socket address
const status = { cache: 'fake', pid: process.pid, instance: 'i', port: Number(PORT_fake), addresses: ['127.0.0.1'], startedAt: new Date().toISOString(),
  counters: { hits: 1, misses: 2, stale: 0, revalidated: 0, errors: 0, passes: { authorization: 3 } }, bytesHeld: 1500, entries: 2, mirrors: [] };
const front = createServer((request, response) => response.end('larder'));
front.on('error', (error) => { console.error('a line that is not it'); console.error('larder: port ' + PORT_fake + ' is taken (' + error.code + ')'); process.exit(1); });
front.listen(Number(PORT_fake), '127.0.0.1', () => {
  createServer((request, response) => {
    response.end(JSON.stringify(status));
    if (request.url === '/stop') process.exit(0);
  }).listen('fake-' + process.pid + '.sock');
});`;

let folder: string;
let serverPath: string;
let port: number;

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'larder-cli-'));
  serverPath = join(folder, 'server.cjs');
  writeFileSync(serverPath, SERVER);
  writeFileSync(join(folder, '.env'), '');
  port = await freePort();
});
afterEach(async () => {
  await cli(['stop']);
  rmSync(folder, { recursive: true });
});

function cli(args: string[], env: Record<string, string> = {}): Promise<Said> {
  return runCommand({ args, modules: [fake], serverPath, env: { ...settings(), ...env } });
}

function settings(): Record<string, string> {
  return {
    HOME: folder,
    PATH: process.env.PATH ?? '',
    LARDER_ENV_FILE: join(folder, '.env'),
    CACHE_DIR: join(folder, 'cache'),
    STATE_DIR: join(folder, 'state'),
    PORT_fake: String(port),
    UPSTREAM_fake: 'http://upstream.test',
  };
}

describe('start', () => {
  test('tells how to use it; again says that it already runs; status and stop find it', async () => {
    const first = await cli(['start', 'c=fake']);
    expect(first).toMatchObject({ status: 0, err: '' });
    expect(first.out).toContain(`The fake cache runs at http://127.0.0.1:${port}\n`);
    expect(first.out).toContain(`on:  tool use http://127.0.0.1:${port}/`);
    expect(first.out).toContain('off: tool forget');
    expect(first.out).toContain(join(folder, 'state/log/fake.log'));
    expect(first.out).toContain(join(folder, 'cache'));
    expect(first.out).toMatch(/\n {2}It does not survive a reboot: then run make start c=fake again\. To stop: make stop c=fake$/m);
    expect((await cli(['start', 'c='])).out).toContain('The fake cache already runs');
    expect((await cli(['status'])).out).toMatch(/fake +up +127\.0\.0\.1:\d+ +1 +2 +0 +0 +0 +3 \(authorization\) +1\.5 KB in 2/);
    expect((await cli(['stop'])).out).toBe(`The fake cache on port ${port} is stopped.`);
    expect((await cli(['stop'])).out).toBe('The fake cache does not run.');
    expect((await cli(['status'])).out).toMatch(/fake +down/);
  });

  test('below a path too long for a socket address', async () => {
    const CACHE_DIR = join(folder, 'long-'.repeat(30));
    expect((await cli(['start'], { CACHE_DIR })).out).toContain('runs at');
    expect((await cli(['stop'], { CACHE_DIR })).out).toContain('is stopped');
  });

  test('a port that somebody else has, also if they answer 200 there', async () => {
    const other = createServer((_request, response) => response.end()).listen(port, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    expect(await cli(['start'])).toEqual({ status: 1, out: '', err: `larder: port ${port} is taken (EADDRINUSE)` });
    await close(other);
  });

  test('a server that dies without its line', async () => {
    const { status, err } = await cli(['start'], { FAKE_CRASH: '1' });
    expect(status).toBe(1);
    expect(err).toMatch(/^larder: the fake cache ended with status 1: .*fake\.start\.log\)$/);
  });

  test.each(['CACHE_DIR', 'STATE_DIR'])('a %s that cannot be written', async (name) => {
    const { status, err } = await cli(['start'], { [name]: join(folder, '.env/below') });
    expect(status).toBe(1);
    expect(err).toMatch(new RegExp(`^larder: the directory .* cannot be written \\(ENOTDIR\\); set ${name} to one that can$`));
  });

  test('a wrong setting, an unknown cache, an unknown verb, a wrong argument', async () => {
    expect((await cli(['start'], { PORT_fake: 'x' })).err).toMatch(/^larder: PORT_fake=x is not possible: a port is .*$/);
    expect((await cli(['start', 'c=fak'])).err).toBe(
      'larder: there is no cache "fak"; did you mean c=fake? This appliance has: fake (CACHES)',
    );
    expect((await cli(['dance'])).err).toMatch(/^larder: there is no command "dance"/);
    expect((await cli(['start', 'x=1'])).err).toMatch(/^larder: "x=1" is not understood/);
  });
});

test('stop means every port of the cache on this store, unless the environment names one', async () => {
  const second = String(await freePort());
  await cli(['start']);
  await cli(['start'], { PORT_fake: second });
  expect((await cli(['status'])).out.match(/ up /g)).toHaveLength(2);
  expect((await cli(['stop'], { PORT_fake: second })).out).toBe(`The fake cache on port ${second} is stopped.`);
  await cli(['start'], { PORT_fake: second });
  writeFileSync(join(folder, '.env'), `PORT_fake=${port}`);
  expect((await cli(['stop'], { PORT_fake: '' })).out.split('\n')).toHaveLength(2);
});

test('a socket left by a killed process is nobody', async () => {
  mkdirSync(join(folder, 'cache/run'), { recursive: true });
  writeFileSync(join(folder, 'cache/run/fake-old.sock'), '');
  expect((await cli(['status'])).out).toMatch(/fake +down/);
});

test('a cache without an upstream is not configured', async () => {
  const { out } = await cli(['status'], { UPSTREAM_fake: '' });
  expect(out).toMatch(/fake +not configured/);
  expect(out).toContain('fake: no upstream; set UPSTREAM_fake');
});

test('what needs attention stands below the table', () => {
  const status: Status = {
    cache: 'npm',
    pid: 1,
    instance: 'x',
    port: 8080,
    addresses: ['::1'],
    startedAt: '',
    counters: { hits: 12_345, misses: 1, stale: 0, revalidated: 0, errors: 0, bytesSent: 9, passes: { route: 2, write: 0 } },
    bytesHeld: 0,
    entries: 0,
    notStoring: { reason: 'disk', remedy: 'free some space, or lower MIN_FREE' },
    mirrors: [
      { base: 'http://m.test', healthy: false, retryAt: 1000, lastError: 'refused' },
      { base: 'http://n.test', healthy: false, retryAt: 0, lastError: 'refused' },
    ],
    digestChanges: { count: 2, newest: { key: 'npm|registry|/a/-/a-1.0.0.tgz', held: 'sha512-a', promised: 'sha512-b', at: 0 } },
    announcements: [{ list: '/registries', origin: 'corp', what: 'the list is not renewed', reason: 'refused', since: 0 }],
  };
  expect(renderStatus([{ cache: 'npm', port: 8080, state: 'up', status }], 500)).toEqual([
    'cache  state  address      hits  misses  stale  revalidated  errors  passes         held',
    'npm    up     [::1]:8080  12345       1      0            0       0  2 (route)  0 B in 0',
    'npm: not storing: disk; free some space, or lower MIN_FREE',
    'npm: the index now promises other bytes for 2 released files; newest: npm|registry|/a/-/a-1.0.0.tgz, 1970-01-01T00:00:00.000Z, held sha512-a, promised sha512-b',
    'npm: /registries of corp: the list is not renewed since 1970-01-01T00:00:00.000Z (refused)',
    'npm: upstream http://m.test fails (refused); asked again at 1970-01-01T00:00:01.000Z',
    'npm: upstream http://n.test fails (refused); asked again with the next request',
  ]);
});

test('what a cache counted is shown too while it sleeps', () => {
  const counters = { hits: 12, misses: 3, stale: 0, revalidated: 0, errors: 0, bytesSent: 9, passes: { head: 1 } };
  expect(renderStatus([{ cache: 'npm', port: 8080, state: 'asleep', socket: 'listening', counters }], 500)).toEqual([
    'cache  state   address    hits  misses  stale  revalidated  errors  passes    held  socket',
    'npm    asleep  port 8080    12       3      0            0       0  1 (head)     -  listening',
  ]);
});

test('config prints every setting with its source, secrets hidden', async () => {
  const { out } = await cli(['config'], { UPSTREAM_PROXY: 'http://u:hunter2@p' });
  expect(out).toContain(`PORT_fake=${port}`);
  expect(out).toMatch(/^UPSTREAM_PROXY=\(hidden\) +# environment$/m);
  expect(out).not.toContain('hunter2');
});

test('service-name prints the one cache', async () => {
  expect(await cli(['service-name'])).toEqual({ status: 0, out: 'fake', err: '' });
});

test('purge and gc need no server, and no store either', async () => {
  expect((await cli(['purge'])).err).toBe('larder: which package is to be forgotten; make purge c=<cache> p=<package>');
  expect((await cli(['purge', 'p=x'])).out).toContain('There is no store');
  mkdirSync(join(folder, 'cache'));
  expect(await cli(['purge', 'p=x'])).toEqual({ status: 0, out: 'The fake cache holds nothing of x.', err: '' });
  expect((await cli(['gc'])).out).toBe('The store is within its limits; nothing was removed.');
});

test('the default port that the installer knows is that of the module', () => {
  const clone = join(__dirname, '../../..');
  const { modules } = jest.requireActual<{ modules: Module[] }>(join(clone, 'dist/caches/index.js'));
  const port = modules.find(({ name }) => name === 'npm')?.defaultPort;
  expect(readFileSync(join(clone, 'shared/cli/install-source.cjs'), 'utf8')).toContain(`const DEFAULT_PORT = ${port};`);
  expect(readFileSync(join(clone, '.npmrc'), 'utf8')).toContain('omit-lockfile-registry-resolved=true');
});
