/**
 * Real apt against this machine's archives, in every form in which they can be led through the cache: from a cold store, a warm one, and
 * without any upstream. Each time with an empty client, and each time the same bytes, which are those that the signed indexes name.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { makeAptRoot, type AptRoot } from '../apt-root';
import { openHouse, type LocalHouse } from '../house';
import { confLines, isLong, sourcesLines, withArchives, type Form } from './apt-machine';
import { expectKept } from './apt-packages';
import { removeFolder, temporaryFolder } from './folder';
import { openOutgoing, type Outgoing } from './outgoing';
import { runWell } from './run';

/** Packages that, with all they need from the first one on, are over 60; and over 300. */
const WANTED = isLong ? ['git', 'curl', 'build-essential', 'imagemagick', 'nginx-full', 'vim'] : ['git', 'curl'];
const AT_LEAST = isLong ? 300 : 60;
const TIMEOUT_MS = 300_000;

interface Held {
  readonly lists: ReadonlyMap<string, string>;
  readonly packages: ReadonlyMap<string, string>;
}

let home = '';
let outgoing: Outgoing | undefined;
let cache: LocalHouse | undefined;
let cold: Held | undefined;

const open = async (env: Readonly<Record<string, string>>): Promise<LocalHouse> => {
  await cache?.stop();
  if (home === '') home = await temporaryFolder('forms');
  return (cache = await openHouse({ module: 'apt', upstream: [], home, env: { APT_SOURCES: 'yes', ...env } }));
};

afterAll(async () => {
  await cache?.stop();
  await outgoing?.close();
  if (home !== '') await removeFolder(home);
}, 60_000);

/** A new client updates and downloads. */
async function install(form: Form, cache: LocalHouse): Promise<Held> {
  const apt = makeAptRoot({ sources: sourcesLines(form, cache.url), conf: confLines(form, cache.url) });
  try {
    await well(apt, 'update');
    await well(apt, 'install', '-d', ...WANTED);
    const packages = expectKept(apt);
    expect(packages.size).toBeGreaterThanOrEqual(AT_LEAST);
    // The names of lists tell where they came from, which differs from form to form.
    const lists = [...apt.lists()].map(([name, text]) => [name.replace(/^.*?(?=_dists_)/, ''), text] as const);
    if (isLong && cold === undefined) await unpackAll(apt, [...packages.keys()]);
    return { packages, lists: new Map(lists.sort(([a], [b]) => (a < b ? -1 : 1))) };
  } finally {
    apt.close();
  }
}

async function well(apt: AptRoot, ...args: readonly string[]): Promise<void> {
  const outcome = await apt.apt(...args);
  const output = outcome.stdout + outcome.stderr;
  expect([outcome.code, /^[WE]: .*/m.exec(output)?.[0]]).toEqual([0, undefined]);
}

/** dpkg itself takes each package apart. */
async function unpackAll(apt: AptRoot, names: readonly string[]): Promise<void> {
  const into = join(apt.folder, 'unpacked');
  mkdirSync(into);
  for (const name of names)
    await runWell(['dpkg-deb', '-x', join(apt.folder, 'var/cache/apt/archives', `${name}.deb`), into], { cwd: into, env: apt.env });
  rmSync(into, { recursive: true });
}

function expectSame(held: Held): void {
  if (!cold) throw new Error('there is nothing to compare with: the cold run failed');
  expect(held.packages).toEqual(cold.packages);
  expect([...held.lists.keys()]).toEqual([...cold.lists.keys()]);
  expect([...held.lists].filter(([name, text]) => cold?.lists.get(name) !== text).map(([name]) => name)).toEqual([]);
}

/** What the cache said of its answers, each once. */
const outcomes = (): string[] => [...new Set(cache?.access.map(({ outcome }) => outcome))].sort();

withArchives(
  'through the proxy, from a cold store: everything is what the signed indexes name',
  async () => {
    outgoing = await openOutgoing();
    const house = await open({ UPSTREAM_PROXY: outgoing.url });
    cold = await install('proxy', house);
    // What every client asks for after a roster may have been fetched with it.
    expect(house.access.filter(({ target, outcome }) => target.endsWith('.deb') && outcome !== 'miss')).toEqual([]);
    expect(outgoing.asked()).toBeGreaterThan(AT_LEAST);
  },
  TIMEOUT_MS,
);

withArchives(
  'by path, from the store that the proxy filled: not one request for what is held',
  async () => {
    const house = await open({ UPSTREAM_PROXY: outgoing?.url ?? '', TTL_apt: '1h' });
    const asked = outgoing?.asked();
    expectSame(await install('path', house));
    if (isLong) expectSame(await install('name', house));
    expect(outcomes()).toEqual(['hit']);
    expect(outgoing?.asked()).toBe(asked);
  },
  TIMEOUT_MS,
);

withArchives(
  'with OFFLINE=yes, by short names: nothing is asked',
  async () => {
    const house = await open({ UPSTREAM_PROXY: outgoing?.url ?? '', TTL_apt: '0s', OFFLINE: 'yes' });
    const asked = outgoing?.asked();
    expectSame(await install('name', house));
    if (isLong) for (const form of ['proxy', 'path'] as const) expectSame(await install(form, house));
    expect(outgoing?.asked()).toBe(asked);
    expect(house.access.filter(({ status }) => status !== 200)).toEqual([]);
  },
  TIMEOUT_MS,
);

withArchives(
  'with an upstream that cannot be reached, through the proxy, past the lifetime of every roster',
  async () => {
    const { url = '' } = outgoing ?? {};
    await outgoing?.close();
    const house = await open({ UPSTREAM_PROXY: url, TTL_apt: '0s' });
    expectSame(await install('proxy', house));
    if (isLong) for (const form of ['path', 'name'] as const) expectSame(await install(form, house));
    expect(outcomes()).toContain('stale');
    expect(house.access.filter(({ status }) => status !== 200)).toEqual([]);
  },
  TIMEOUT_MS,
);
