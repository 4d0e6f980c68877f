/** Commands without c= are about every cache of the appliance. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type Said } from '../testing/command-line';
import { freePort } from '../testing/ports';
import { standInModule } from '../testing/stand-in-systemd';

const NAMES = ['one', 'two', 'three'] as const;
const modules = NAMES.map((name, index) => ({
  ...standInModule(name, index + 1),
  clients: (base: string) => [{ client: `tool-${name}`, on: `use ${base}/`, off: 'forget' }],
  // Its clients name the archive, so it needs no upstream.
  ...(name === 'three' && { archive: () => undefined }),
}));

/** A server of the cache that its argument names; FAKE_BROKEN cannot start. */
const SERVER = `
const { createServer } = require('node:http');
const { mkdirSync } = require('node:fs');
const name = process.argv[2];
if ((process.env.FAKE_BROKEN ?? '').split(' ').includes(name)) { console.error('larder: ' + name + ' is broken'); process.exit(1); }
const run = process.env.CACHE_DIR + '/run';
mkdirSync(run, { recursive: true });
process.chdir(run);
const port = Number(process.env['PORT_' + name]);
const status = { cache: name, pid: process.pid, instance: 'i', port, addresses: ['127.0.0.1'], startedAt: new Date().toISOString(),
  counters: { hits: 0, misses: 0, stale: 0, revalidated: 0, errors: 0, passes: {} }, bytesHeld: 0, entries: 0, mirrors: [] };
createServer((request, response) => response.end('larder')).listen(port, '127.0.0.1', () => {
  createServer((request, response) => {
    response.end(JSON.stringify(status));
    if (request.url === '/stop') process.exit(0);
  }).listen(name + '-' + process.pid + '.sock');
});`;

let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'larder-several-'));
  writeFileSync(join(folder, 'server.cjs'), SERVER);
  writeFileSync(join(folder, '.env'), '');
  const ports: number[] = [];
  // One after the other they might be the same.
  while (ports.length < NAMES.length) {
    const port = await freePort();
    if (!ports.includes(port)) ports.push(port);
  }
  env = {
    HOME: folder,
    PATH: process.env.PATH ?? '',
    LARDER_ENV_FILE: join(folder, '.env'),
    CACHE_DIR: join(folder, 'cache'),
    STATE_DIR: join(folder, 'state'),
    UPSTREAM_one: 'http://upstream.test',
    ...Object.fromEntries(NAMES.map((name, index) => [`PORT_${name}`, String(ports[index])])),
  };
});
afterEach(async () => {
  await cli('stop');
  rmSync(folder, { recursive: true });
});

function cli(verb: string, more: Record<string, string> = {}, ...args: string[]): Promise<Said> {
  return runCommand({ args: [verb, ...args], modules, serverPath: join(folder, 'server.cjs'), env: { ...env, ...more } });
}

test('all are started, shown and stopped; each says how to use it', async () => {
  const started = await cli('start');
  expect(started).toMatchObject({ status: 0, err: '' });
  for (const name of NAMES) {
    expect(started.out).toContain(`The ${name} cache runs at http://127.0.0.1:${env[`PORT_${name}`]}`);
    expect(started.out).toContain(`tool-${name}  on:  use http://127.0.0.1:${env[`PORT_${name}`]}/`);
  }
  // What is the same for all is said once.
  expect(started.out).toMatch(/\n {2}They do not survive a reboot: then run make start again\. To stop: make stop$/m);
  expect(started.out.match(/ {2}store /g)).toHaveLength(1);
  expect(started.out.match(/Not configured: .*/g)).toEqual([
    'Not configured: it has no upstream yet. Set UPSTREAM_two=https://… in .env, then make restart c=two.',
  ]);
  const shown = (await cli('status')).out;
  expect(shown).toMatch(/\none +up .*\ntwo +not configured .*\nthree +up /);
  expect(shown).toContain('two: no upstream; set UPSTREAM_two');
  expect(shown).not.toContain('three: no upstream');
  expect((await cli('stop', {}, 'c=two')).out).toBe(`The two cache on port ${env['PORT_two']} is stopped.`);
  const again = await cli('restart');
  expect(again.out).toMatch(
    /The one cache on port \d+ is stopped\.\nThe two cache does not run\.\nThe three cache on port \d+ is stopped\.\nThe one cache runs/,
  );
  expect((await cli('stop')).out.match(/is stopped/g)).toHaveLength(3);
});

test('two starts of one cache in the same moment: whoever is late finds it running', async () => {
  const both = await Promise.all([cli('start', {}, 'c=one'), cli('start', {}, 'c=one')]);
  expect(both.map(({ status, err }) => ({ status, err }))).toEqual(Array.from({ length: 2 }, () => ({ status: 0, err: '' })));
  expect((await cli('status', {}, 'c=one')).out.match(/ up /g)).toHaveLength(1);
});

test('one that cannot start keeps none of the others from it', async () => {
  const broken = await cli('start', { FAKE_BROKEN: 'two' });
  expect(broken).toMatchObject({ status: 1, err: 'larder: two is broken' });
  expect(broken.out.match(/cache runs at/g)).toHaveLength(2);
  await cli('stop');
  const both = await cli('start', { FAKE_BROKEN: 'one three' });
  expect(both).toMatchObject({ status: 1, err: 'larder: one is broken | three is broken' });
  expect(both.out).toContain('The two cache runs at');
});

test('CACHES says which there are', async () => {
  const started = await cli('start', { CACHES: 'three one' });
  expect(started.out.match(/The \w+ cache runs/g)).toEqual(['The three cache runs', 'The one cache runs']);
  expect((await cli('status', { CACHES: 'three' })).out).not.toContain('one');
  expect((await cli('status', { CACHES: 'three' }, 'c=one')).err).toContain('this appliance has: three (CACHES)');
});

test('a service is one; a purge without c= is of every cache', async () => {
  expect((await cli('service-name')).err).toBe('larder: a service is one cache; name it: c=one or c=two or c=three');
  expect(await cli('service-name', {}, 'c=two')).toMatchObject({ status: 0, out: 'two' });
  await cli('start', {}, 'c=one');
  const purged = await cli('purge', {}, 'p=x');
  expect(purged.out.split('\n')).toEqual(NAMES.map((name) => `The ${name} cache holds nothing of x.`));
});
