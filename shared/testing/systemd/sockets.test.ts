/** Sockets of the system: what wakes a cache, what does not, that it sleeps again, and that nothing stays behind. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Status } from '../../http/status';
import { until } from '../until';
import { onMachine } from './obstacle';
import { NAP_MS, openScene, PORTS, type Scene } from './scene';
import { changed, traces } from './traces';

let scene: Scene;
let before: ReadonlyMap<string, string>;

const CACHES = ['npm', 'apt', 'pip'];
const starts = async (cache: string): Promise<number> =>
  ((await scene.journal(`cache-${cache}.service`)).match(/^Starting /gm) ?? []).length;
const status = async (): Promise<Status> => JSON.parse((await scene.ask('npm', '/_cache/status').whole).body.toString()) as Status;
const asleep = (cache: string): Promise<void> => scene.comesTo(`cache-${cache}.service`, 'inactive');
/** By an npm that has a cache of its own no more than a new machine has. */
const npmInstall = (name: string): Promise<string> => {
  const folder = `/tmp/${name}-${Date.now()}`;
  const options = ['--no-audit', `--prefix=${folder}`, `--cache=${folder}/cache`, `--registry=http://127.0.0.1:${PORTS.npm}`];
  return scene.well(['npm', 'install', ...options, name]);
};

afterAll(async () => scene?.close(), 60_000);

onMachine('make install-sockets: the sockets listen, and nothing runs', async () => {
  scene = await openScene();
  scene.registry.addPackage({ name: 'left', versions: { '1.0.0': { dependencies: { right: '1.0.0' } } } });
  scene.registry.addPackage({ name: 'right', versions: { '1.0.0': { files: { 'ballast.bin': Buffer.alloc(100_000, 7) } } } });
  scene.archive.addPackage({ name: 'hello', version: '1.0-1' }).publish();
  writeFileSync(join(scene.root, 'etc/apt/sources.list'), `deb [trusted=yes] ${scene.archive.url} stable main\n`);
  before = traces(scene.root);
  await scene.made(['install-sockets']);
  for (const cache of CACHES) {
    expect(await scene.show(`cache-${cache}.socket`, 'ActiveState')).toBe('active');
    expect(await scene.show(`cache-${cache}.service`, 'ActiveState')).toBe('inactive');
  }
  expect(await scene.processes()).not.toContain('node');
});

onMachine('repeating it changes nothing', async () => {
  const installed = traces(scene.root);
  await scene.made(['install-sockets']);
  expect(changed(installed, traces(scene.root))).toEqual([]);
  expect(await scene.processes()).not.toContain('node');
});

onMachine('make status tells of the sockets, and wakes nobody', async () => {
  const told = await scene.made(['status']);
  for (const cache of CACHES) expect(told).toMatch(new RegExp(`^.*${cache}\\b.*(?:asleep|sleep|socket|wait)`, 'im'));
  expect(await scene.processes()).not.toContain('node');
  for (const cache of CACHES) expect(await starts(cache)).toBe(0);
});

onMachine('the first apt-get update, and apt-get install, of the day are answered by the cache that they wake', async () => {
  const proxy = `Acquire::http::Proxy=http://127.0.0.1:${PORTS.apt}`;
  await scene.well(['apt-get', '-o', proxy, 'update']);
  // More than once where the machine is slow, and apt thinks for longer than a nap.
  expect(await starts('apt')).toBeGreaterThan(0);
  await scene.well(['apt-get', '-o', proxy, 'install', '--yes', 'hello']);
  expect(await scene.well(['dpkg-query', '--show', 'hello'])).toBe('hello\t1.0-1');
  expect(await starts('npm')).toBe(0);
});

onMachine('so is npm install; then the cache goes, and leaves no process', async () => {
  await npmInstall('left');
  expect(await starts('npm')).toBeGreaterThan(0);
  for (const cache of ['npm', 'apt']) await asleep(cache);
  expect(await scene.processes()).not.toContain('node');
  expect(await scene.show('cache-npm.service', 'Result')).toBe('success');
  expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
});

onMachine('woken again it answers from its store, and goes on counting where it stopped', async () => {
  const { counters } = await status();
  expect(counters.misses).toBeGreaterThan(0);
  scene.registry.upstream.forget();
  await npmInstall('left');
  expect(scene.registry.upstream.count(/\.tgz$/)).toBe(0);
  expect((await status()).counters).toMatchObject({ misses: counters.misses });
  expect((await status()).counters.hits).toBeGreaterThan(counters.hits);
  await asleep('npm');
  const slept = await starts('npm');
  expect((await status()).counters.hits).toBeGreaterThan(counters.hits);
  expect(await starts('npm')).toBe(slept + 1);
});

onMachine('a monitor does not keep it awake, nor does a connection that asks for nothing', async () => {
  const before = await starts('npm');
  const idle = connect(PORTS.npm, scene.cable.there);
  idle.on('error', () => undefined);
  const scraping = setInterval(() => void scene.ask('npm', '/_cache/metrics').whole, NAP_MS / 5);
  try {
    // Asked every 300 ms, it goes all the same; the next time wakes it again.
    await until('it has slept twice', async () => (await starts('npm')) >= before + 3, { mostMs: 60_000, lookMs: 100 });
  } finally {
    clearInterval(scraping);
    idle.destroy();
  }
});

onMachine('each service is as locked up as systemd can tell, and systemd finds nothing wrong with its unit', async () => {
  for (const cache of CACHES) {
    const told = await scene.well(['systemd-analyze', 'security', '--no-pager', `cache-${cache}.service`]);
    const [, exposure] = /exposure level for \S+: ([\d.]+)/.exec(told) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(2.5);
    const verified = await scene.run(['systemd-analyze', 'verify', `cache-${cache}.service`, `cache-${cache}.socket`]);
    expect([verified.code, verified.stdout + verified.stderr]).toEqual([0, '']);
  }
});

onMachine('what root does with the store leaves no file of root', async () => {
  await npmInstall('left');
  await scene.made(['gc']);
  await asleep('npm');
  await scene.made(['gc']);
  expect(await scene.well(['find', '/var/cache/larder', '/var/lib/larder', '!', '-user', 'larder'])).toBe('');
});

onMachine('the timer does the housekeeping while the caches sleep', async () => {
  const timers = await scene.well(['systemctl', 'list-timers', '--all', '--no-legend', 'larder-*']);
  expect(timers).toContain('larder-housekeeping.service');
  for (const cache of CACHES) await asleep(cache);
  await scene.well(['systemctl', 'start', 'larder-housekeeping.service']);
  expect(await scene.show('larder-housekeeping.service', 'Result')).toBe('success');
  expect(await scene.well(['find', '/var/cache/larder', '/var/lib/larder', '!', '-user', 'larder'])).toBe('');
  for (const cache of CACHES) expect(await scene.show(`cache-${cache}.service`, 'ActiveState')).toBe('inactive');
});

onMachine('a port that is taken, and a cache that there is none of: one line, and nothing is installed', async () => {
  const installed = traces(scene.root);
  const unknown = await scene.make(['install-sockets', 'c=nmp']);
  expect(unknown.code).not.toBe(0);
  expect(oneLine(unknown.stderr)).toMatch(/^larder: .*"nmp".*c=npm/);
  await scene.well(['systemd-run', '--quiet', '--unit=squatter', 'node', '-e', 'require("net").createServer().listen(4899, "127.0.0.1")']);
  const listens = ['grep', '--quiet', ':1323 00000000:0000 0A ', '/proc/net/tcp'];
  await until('port 4899 is taken', async () => (await scene.run(listens)).code === 0, { mostMs: 60_000, lookMs: 100 });
  scene.configure({ PORT_npm: '4899' });
  const settings = traces(scene.root);
  const taken = await scene.make(['install-sockets', 'c=npm']);
  expect(taken.code).not.toBe(0);
  expect(oneLine(taken.stderr)).toMatch(/^larder: .*4899/);
  expect(changed(settings, traces(scene.root))).toEqual([]);
  scene.configure({ PORT_npm: String(PORTS.npm) });
  await scene.well(['systemctl', 'stop', 'squatter']);
  await scene.made(['install-sockets']);
  expect(changed(installed, traces(scene.root)).filter((line) => !/^~ \/var\/(?:cache|lib)\/larder\//.test(line))).toEqual([]);
  await npmInstall('left');
});

onMachine('make uninstall-sockets leaves the store alone, and nothing else behind', async () => {
  for (const cache of CACHES) await asleep(cache);
  const store = traces(join(scene.root, 'var/cache/larder'));
  await scene.well(['dpkg', '--purge', 'hello']);
  await scene.made(['uninstall-sockets']);
  expect(await scene.well(['systemctl', 'list-units', '--all', '--no-legend', 'cache-*', 'larder-*'])).toBe('');
  expect(await scene.processes()).not.toContain('node');
  // The user stays, whose store it is; /root is npm's.
  const stays = /^(?:~ \/etc\/g?(?:passwd|group|shadow)-?|\+ \/var\/(?:cache|lib)\/larder|[+~] \/root(?:\/.*)?)$/;
  const left = changed(before, traces(scene.root)).filter((line) => !stays.test(line.replace('gshadow', 'shadow')));
  expect(left).toEqual([]);
  expect(changed(store, traces(join(scene.root, 'var/cache/larder')))).toEqual([]);
});

/** What npm and make say themselves is not ours. */
function oneLine(text: string): string {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('make: '));
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}
