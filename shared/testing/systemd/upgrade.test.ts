/** A new version takes over while clients are served, and the old one again: nobody sees it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onMachine } from './obstacle';
import { CLONE } from './machine';
import { openScene, type Scene } from './scene';

let scene: Scene;
const VERSION = '9.9.9';
const CLIENTS = 4;

/** Ends the load, also that of a test that failed. */
let end: ReturnType<typeof load> | undefined;
afterAll(async () => {
  await end?.();
  await scene?.close();
}, 60_000);

/** Keeps asking, each client on a connection of its own a request. @returns what ends it, and tells what failed */
function load(targets: readonly string[]): () => Promise<{ readonly asked: number; readonly failures: readonly string[] }> {
  let over = false;
  let asked = 0;
  const failures: string[] = [];
  const client = async (): Promise<void> => {
    while (!over) {
      const target = targets[asked++ % targets.length] ?? '';
      const { status, complete } = await scene.ask('npm', target).whole;
      if (status !== 200 || !complete) failures.push(`${target}: ${status}${complete ? '' : ', cut'}`);
      await sleep(5);
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  return async () => {
    over = true;
    await clients;
    return { asked, failures };
  };
}

/** What runs: the installed version, and the process. */
const current = (): Promise<string> => scene.well(['readlink', '--canonicalize', '/usr/local/lib/larder/current']);
const pid = (): Promise<string> => scene.show('cache-npm.service', 'MainPID');

onMachine(
  'upgrade, rollback and restart under load: not one request fails',
  async () => {
    scene = await openScene({ IDLE_EXIT: '10m' });
    const targets: string[] = [];
    for (const name of ['left', 'right']) {
      scene.registry.addPackage({ name, versions: { '1.0.0': { files: { 'ballast.bin': Buffer.alloc(400_000, name) } } } });
      targets.push(scene.registry.tarballTarget(name, '1.0.0'), `/${name}`);
    }
    await scene.made(['install-sockets', 'c=npm']);
    const first = await current();
    end = load(targets);
    const pids = [await pid()];
    const file = join(scene.root, CLONE, 'package.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": "[^"]*"/, `"version": "${VERSION}"`));
    await scene.made(['upgrade']);
    expect(await current()).toMatch(new RegExp(`/${VERSION.replaceAll('.', '\\.')}`));
    pids.push(await pid());
    await scene.made(['rollback']);
    expect(await current()).toBe(first);
    pids.push(await pid());
    await scene.well(['systemctl', 'restart', 'cache-npm.service']);
    expect(new Set([...pids, await pid()]).size).toBe(4);
    const { asked, failures } = await end();
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(50);
  },
  240_000,
);

onMachine('the installed program does without the clone', async () => {
  await scene.well(['rm', '-rf', CLONE]);
  await scene.well(['systemctl', 'restart', 'cache-npm.service']);
  expect((await scene.ask('npm', '/left').whole).status).toBe(200);
});
