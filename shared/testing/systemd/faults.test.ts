/** Sockets of the system when things go wrong: power, crashes, settings, stops in the middle of a download. */
import { createHash } from 'node:crypto';
import { until } from '../until';
import { onMachine } from './obstacle';
import { openScene, type Scene } from './scene';

let scene: Scene;
const SERVICE = 'cache-npm.service';
const BALLAST = 12_000_000;
const big = Buffer.alloc(BALLAST, 'a rather long line that is not so very compressible, yet is the same in every run; ');

const target = (name: string): string => scene.registry.tarballTarget(name, '1.0.0');
const digest = (body: Buffer): string => createHash('sha256').update(body).digest('hex');
const mainPid = (): Promise<string> => scene.show(SERVICE, 'MainPID');

/** A package whose tarball arrives slowly, the first time. */
function offerSlowly(name: string): void {
  scene.registry.addPackage({ name, versions: { '1.0.0': { tarball: big } } });
  const reply = { body: big, etag: `"${name}"`, ranges: 'yes' } as const;
  scene.registry.upstream.on(target(name), { ...reply, bytesPerSecond: 3_000_000 }, reply);
}

afterAll(async () => scene?.close(), 60_000);

onMachine('after a power cut in the middle of a download, the machine boots and the first request is answered', async () => {
  scene = await openScene({ IDLE_EXIT: '10m' });
  scene.registry.addPackage({ name: 'small', versions: { '1.0.0': {} } });
  await scene.made(['install-sockets', 'c=npm']);
  expect((await scene.ask('npm', target('small')).whole).status).toBe(200);
  offerSlowly('cut');
  const asked = scene.ask('npm', target('cut'));
  await until('half of it is there', () => asked.received > BALLAST / 2, { mostMs: 60_000 });
  await scene.powerCut();
  expect((await asked.whole).complete).toBe(false);
  await scene.boot();
  expect(await scene.show(SERVICE, 'ActiveState')).toBe('inactive');
  scene.registry.upstream.forget();
  const small = await scene.ask('npm', target('small')).whole;
  expect([small.status, small.headers['x-cache']]).toEqual([200, 'hit']);
  expect(digest((await scene.ask('npm', target('cut')).whole).body)).toBe(digest(big));
  expect(scene.registry.upstream.count(target('small'))).toBe(0);
});

onMachine('a process that is killed while it serves is started again, and the next request is right', async () => {
  offerSlowly('killed');
  const asked = scene.ask('npm', target('killed'));
  await until('it is arriving', () => asked.received > 0, { mostMs: 60_000 });
  const pid = await mainPid();
  await scene.well(['sh', '-c', 'kill -9 "$1"', 'sh', pid]);
  expect((await asked.whole).complete).toBe(false);
  const next = await scene.ask('npm', target('killed')).whole;
  expect([next.complete, digest(next.body)]).toEqual([true, digest(big)]);
  expect(await mainPid()).not.toBe(pid);
  expect(Number(await scene.show(SERVICE, 'NRestarts'))).toBe(1);
});

onMachine('systemctl stop in the middle of a download: the response finishes', async () => {
  offerSlowly('stopped');
  const asked = scene.ask('npm', target('stopped'));
  await until('it is arriving', () => asked.received > 0, { mostMs: 60_000 });
  await scene.well(['systemctl', 'stop', SERVICE]);
  const got = await asked.whole;
  expect([got.complete, digest(got.body)]).toEqual([true, digest(big)]);
  expect(await scene.show(SERVICE, 'Result')).toBe('success');
  expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
});

onMachine('one that gets no further is cut at the end of the drain time, and what arrived is kept for resuming', async () => {
  scene.registry.addPackage({ name: 'parked', versions: { '1.0.0': { tarball: big } } });
  scene.registry.upstream.on(
    target('parked'),
    { body: big, etag: '"parked"', ranges: 'yes', stallAt: BALLAST / 2 },
    { body: big, etag: '"parked"', ranges: 'yes' },
  );
  const asked = scene.ask('npm', target('parked'));
  await until('half of it is there', () => asked.received > BALLAST / 3, { mostMs: 60_000 });
  await scene.well(['systemctl', 'stop', SERVICE]);
  expect((await asked.whole).complete).toBe(false);
  expect(await scene.show(SERVICE, 'Result')).toBe('success');
  const next = await scene.ask('npm', target('parked')).whole;
  expect(digest(next.body)).toBe(digest(big));
  const resumed = scene.registry.upstream.requests.filter(({ path }) => path === target('parked')).at(-1);
  expect(resumed?.headers.range).toMatch(/^bytes=[1-9]\d+-/);
});

onMachine('wrong settings: who waits is told by 503, and after the fix it works without another word to systemd', async () => {
  await scene.well(['systemctl', 'stop', SERVICE]);
  await scene.well(['sed', '-i', '$aRETRIES=many', '/etc/larder/larder.env']);
  for (let turn = 0; turn < 8; turn++) {
    const told = await scene.ask('npm', '/small').whole;
    expect([told.status, told.body.toString()]).toEqual([503, expect.stringMatching(/RETRIES.*many/)]);
    await until('it has gone', async () => (await mainPid()) === '0', { mostMs: 60_000, lookMs: 50 });
  }
  expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
  await scene.well(['sed', '-i', '$d', '/etc/larder/larder.env']);
  expect((await scene.ask('npm', target('small')).whole).status).toBe(200);
});

onMachine('a process that always crashes is not started more than once a second, and works again when it can', async () => {
  await scene.well(['systemctl', 'stop', SERVICE]);
  const drop = `/run/systemd/system/${SERVICE}.d`;
  await scene.well([
    'sh',
    '-c',
    `mkdir -p ${drop} && printf '[Service]\\nExecStartPre=/bin/sh -c "kill -9 $$$$"\\n' >${drop}/crash.conf && systemctl daemon-reload`,
  ]);
  const began = Date.now();
  const waiting = scene.ask('npm', target('small'));
  const restarts = async (): Promise<number> => Number(await scene.show(SERVICE, 'NRestarts'));
  const seen = await until('it was started again', async () => (await restarts()) >= 2 && restarts(), { mostMs: 60_000, lookMs: 50 });
  expect((Date.now() - began) / seen).toBeGreaterThan(1000);
  expect(await scene.show('cache-npm.socket', 'ActiveState')).toBe('active');
  await scene.well(['sh', '-c', `rm -r ${drop} && systemctl daemon-reload`]);
  expect((await waiting.whole).status).toBe(200);
});

onMachine('a store that is gone, or cannot be written, when the socket fires: what is fetched is passed on, and that is said', async () => {
  await scene.well(['install', '-d', '-o', 'larder', '-g', 'larder', '/srv/store']);
  scene.configure({ CACHE_DIR: '/srv/store' });
  await scene.made(['install-sockets', 'c=npm']);
  await scene.well(['systemctl', 'stop', SERVICE]);
  await scene.well(['rm', '-r', '/srv/store']);
  const passed = { status: 200, headers: expect.objectContaining({ 'cache-status': expect.stringContaining('not-storing') }) as unknown };
  expect(await scene.ask('npm', target('small')).whole).toMatchObject(passed);
  await scene.well(['systemctl', 'stop', SERVICE]);
  await scene.well(['sh', '-c', 'mkdir /srv/store && mount -t tmpfs -o ro none /srv/store']);
  expect(await scene.ask('npm', target('small')).whole).toMatchObject(passed);
});

onMachine('a store among temporary files is seen by the services, which have such folders of their own', async () => {
  const folder = '/var/tmp/store';
  await scene.well(['install', '-d', '-o', 'larder', '-g', 'larder', folder]);
  scene.configure({ CACHE_DIR: folder });
  await scene.made(['install-sockets', 'c=npm']);
  await scene.ask('npm', target('small')).whole;
  await until('it is held', async () => (await scene.ask('npm', target('small')).whole).headers['x-cache'] === 'hit', { mostMs: 60_000 });
  expect(await scene.well(['ls', folder])).not.toBe('');
});
