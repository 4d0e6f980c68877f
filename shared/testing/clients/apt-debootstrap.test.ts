/**
 * A whole small Debian is made by debootstrap through the cache: from a cold store, from a warm one, and without any upstream. Where this
 * machine lets nobody mount or change root, what is tested is its first stage: everything fetched, checked and unpacked.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { makeAptRoot } from '../apt-root';
import { openHouse, type LocalHouse } from '../house';
import { confLines, KEYRING, sourcesLines, suites, tooLong, unreachable, withArchives } from './apt-machine';
import { fingerprint, removeFolder, temporaryFolder } from './folder';
import { openOutgoing, type Outgoing } from './outgoing';
import { runWell } from './run';

const TIMEOUT_MS = 900_000;
const [first] = suites;
const notRoot = process.getuid?.() === 0 ? '' : 'debootstrap needs root';
const noWget = spawnSync('wget', ['--version']).status === 0 ? '' : 'there is no wget, with which debootstrap fetches';
const missing = tooLong || notRoot || noWget;
/** `--foreign` ends after the first stage, which changes root nowhere. */
const whole =
  missing === '' && unreachable === '' && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

let folder = '';
let program: { readonly command: string; readonly scripts: string } | undefined;
let outgoing: Outgoing | undefined;
let cache: LocalHouse | undefined;
/** sha256 of every package that was fetched, by name, the first time. */
let cold: ReadonlyMap<string, string> | undefined;

afterAll(async () => {
  await cache?.stop();
  await outgoing?.close();
  if (folder !== '') await removeFolder(folder);
}, 120_000);

const open = async (env: Readonly<Record<string, string>>): Promise<LocalHouse> => {
  await cache?.stop();
  const settings = { APT_SOURCES: 'yes', UPSTREAM_PROXY: outgoing?.url ?? '', ...env };
  return (cache = await openHouse({ module: 'apt', upstream: [], home: join(folder, 'cache'), env: settings }));
};

/** The program as its package has it; nothing is installed. */
async function unpacked(house: LocalHouse): Promise<{ readonly command: string; readonly scripts: string }> {
  const apt = makeAptRoot({ sources: sourcesLines('path', house.url), conf: confLines('path', house.url) });
  try {
    for (const args of [['update'], ['download', 'debootstrap']]) expect((await apt.apt(...args)).code).toBe(0);
    await runWell(['sh', '-c', `dpkg-deb -x ./debootstrap_*.deb '${folder}/program'`], { cwd: apt.folder, env: apt.env });
  } finally {
    apt.close();
  }
  return { command: join(folder, 'program/usr/sbin/debootstrap'), scripts: join(folder, 'program/usr/share/debootstrap') };
}

/** Makes a Debian. @param mirror URL of the archive, as debootstrap is given it @returns sha256 of the packages that it fetched */
async function make(name: string, house: LocalHouse, mirror: string, proxy: string): Promise<ReadonlyMap<string, string>> {
  const target = join(folder, name);
  mkdirSync(target);
  const options = ['--variant=minbase', `--keyring=${KEYRING}`, '--keep-debootstrap-dir', ...(whole ? [] : ['--foreign'])];
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    LC_ALL: 'C',
    DEBOOTSTRAP_DIR: program?.scripts,
    ...(proxy === '' ? {} : { http_proxy: proxy }),
  };
  // Mounts of its own: whatever debootstrap mounts is gone with it.
  const command = ['unshare', '--mount', 'sh', program?.command ?? '', ...options, first?.suite ?? '', target, mirror];
  await runWell(whole ? command : command.slice(2), { cwd: folder, env, timeoutMs: TIMEOUT_MS });
  expect(existsSync(join(target, whole ? 'usr/bin/apt-get' : 'debootstrap/debootstrap'))).toBe(true);
  expect(house.access.filter(({ status }) => status !== 200).map(({ target: asked, status }) => `${status} ${asked}`)).toEqual([]);
  const kept = join(target, 'var/cache/apt/archives');
  expect(readdirSync(kept).filter((file) => file.endsWith('.deb')).length).toBeGreaterThan(60);
  const packages = new Map([...(await fingerprint(kept))].filter(([file]) => file.endsWith('.deb')).sort(([a], [b]) => (a < b ? -1 : 1)));
  await removeFolder(target);
  return packages;
}

withArchives(
  `a cold store, as proxy${whole ? '' : ' (first stage only: this machine refuses mounts)'}`,
  async () => {
    folder = await temporaryFolder('debootstrap');
    mkdirSync(join(folder, 'cache'));
    outgoing = await openOutgoing();
    const house = await open({ TTL_apt: '1h' });
    program = await unpacked(house);
    cold = await make('cold', house, first?.base ?? '', house.url);
    expect(outgoing.asked()).toBeGreaterThan(cold.size);
  },
  TIMEOUT_MS,
  missing,
);

withArchives(
  'a warm store, by path: the same packages, and not one request for them',
  async () => {
    const house = await open({ TTL_apt: '1h' });
    const asked = outgoing?.asked();
    const { host = '', pathname = '' } = first ? new URL(first.base) : {};
    expect(await make('warm', house, `${house.url}/${host}${pathname}`, '')).toEqual(cold);
    expect(outgoing?.asked()).toBe(asked);
  },
  TIMEOUT_MS,
  missing,
);

withArchives(
  'with OFFLINE=yes, as proxy: everything comes from the store',
  async () => {
    const house = await open({ TTL_apt: '0s', OFFLINE: 'yes' });
    const asked = outgoing?.asked();
    expect(await make('off', house, first?.base ?? '', house.url)).toEqual(cold);
    expect(outgoing?.asked()).toBe(asked);
  },
  TIMEOUT_MS,
  missing,
);
