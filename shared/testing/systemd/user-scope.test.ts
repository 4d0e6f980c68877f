/** Sockets of a user, out of his clone, without root. */
import { onMachine } from './obstacle';
import { openScene, PORTS, type Scene } from './scene';
import { USER } from './machine';
import { changed, traces } from './traces';
import { until } from '../until';

let scene: Scene;
let before: ReadonlyMap<string, string>;
const HELD = Buffer.alloc(2_000_000, 'held');
const SESSION = { as: USER, env: { XDG_RUNTIME_DIR: '/run/user/1000' } } as const;
const show = (unit: string, property: string): Promise<string> =>
  scene.well(['systemctl', '--user', 'show', '--value', `--property=${property}`, unit], SESSION);
const npmInstall = (): Promise<string> =>
  scene.well(
    ['npm', 'install', '--no-audit', '--prefix', `/tmp/left-${Date.now()}`, `--registry=http://127.0.0.1:${PORTS.npm}`, 'left'],
    SESSION,
  );

afterAll(async () => scene?.close(), 60_000);

onMachine('without a session of his own there is one line, and nothing is installed', async () => {
  scene = await openScene();
  scene.registry.addPackage({ name: 'left', versions: { '1.0.0': {} } });
  before = traces(scene.root);
  const refused = await scene.make(['install-sockets', 'c=npm'], { as: USER });
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/^larder: .*XDG_RUNTIME_DIR/);
  expect(changed(before, traces(scene.root))).toEqual([]);
});

onMachine('with one, whose user stays when he logs out, the first npm install wakes the cache', async () => {
  await scene.well(['loginctl', 'enable-linger', USER]);
  await scene.comesTo('user@1000.service', 'active');
  const told = await scene.made(['install-sockets', 'c=npm'], SESSION);
  expect(told).not.toMatch(/loginctl/);
  expect(await show('cache-npm.socket', 'ActiveState')).toBe('active');
  expect(await scene.processes()).not.toContain('node');
  await npmInstall();
  // It cannot go while somebody is served.
  scene.registry.addPackage({ name: 'held', versions: { '1.0.0': { tarball: HELD } } });
  const target = scene.registry.tarballTarget('held', '1.0.0');
  const reply = { body: HELD, etag: '"held"', ranges: 'yes' } as const;
  scene.registry.upstream.on(target, { ...reply, stallAt: HELD.length / 2 }, reply);
  const asked = scene.ask('npm', target);
  await until('it is served', () => asked.received > 0, { mostMs: 60_000 });
  const pid = await show('cache-npm.service', 'MainPID');
  expect(await scene.well(['stat', '--format=%U', `/proc/${pid}`])).toBe(USER);
  scene.registry.upstream.cutAll();
  expect((await asked.whole).body.equals(HELD)).toBe(true);
});

onMachine('it sleeps, is woken again, and survives a reboot', async () => {
  const asleep = async (): Promise<boolean> => (await show('cache-npm.service', 'ActiveState')) === 'inactive';
  await until('it sleeps', asleep, { mostMs: 60_000, lookMs: 100 });
  expect(await scene.processes()).not.toContain('node');
  await npmInstall();
  await scene.powerOff();
  await scene.boot();
  await scene.comesTo('user@1000.service', 'active');
  expect(await asleep()).toBe(true);
  await npmInstall();
  expect(await scene.well(['find', `/home/${USER}`, '!', '-user', USER])).toBe('');
});

onMachine('one who does not linger is told what that means', async () => {
  await scene.well(['loginctl', 'disable-linger', USER]);
  await scene.well(['systemctl', 'start', 'user@1000.service']);
  const told = await scene.make(['install-sockets', 'c=npm'], SESSION);
  expect(told.stdout + told.stderr).toMatch(/loginctl enable-linger/);
});

onMachine('make uninstall-sockets leaves the store alone, and nothing else behind', async () => {
  await scene.made(['uninstall-sockets'], SESSION);
  expect(await scene.well(['systemctl', '--user', 'list-units', '--all', '--no-legend', 'cache-*', 'larder-*'], SESSION)).toBe('');
  const left = changed(before, traces(scene.root)).filter((line) => !/^\+ \/home\/ann\/\.(?:npm|cache|local)$/.test(line));
  expect(left).toEqual([]);
});
