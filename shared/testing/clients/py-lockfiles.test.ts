/**
 * Lockfiles of uv, Poetry, Pipenv and PDM through the cache: the same as without it, but for its address, which the sed scripts in
 * caches/pip/client/ change both ways; and installs from them through a cache that has never seen a page.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from '../../config/sources';
import { openHouse, type LocalHouse } from '../house';
import { makeDeveloper, type Developer } from './py-clients';
import { index, upstreamSettings, withIndex } from './py-machine';
import { runWell } from './run';

const WANTED = ['flask', 'requests', 'pyyaml', 'pandas'];
const PROJECT = `[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11,<3.12"
dependencies = ${JSON.stringify(WANTED)}

[tool.uv]
package = false
`;
const TIMEOUT_MS = 240_000;
const CLEANUP_MS = 60_000;

const toStop: (() => Promise<void>)[] = [];

afterAll(async () => {
  await Promise.all(toStop.map((stop) => stop()));
}, CLEANUP_MS);

async function openCache(): Promise<LocalHouse> {
  const cache = await openHouse({ module: 'pip', upstream: [], env: upstreamSettings() });
  toStop.push(cache.stop);
  return cache;
}

async function develop(indexUrl: string, files: Readonly<Record<string, string>>): Promise<Developer> {
  const developer = await makeDeveloper(indexUrl);
  toStop.push(developer.remove);
  for (const [name, text] of Object.entries(files)) await developer.write(name, text);
  return developer;
}

/** Answers that were neither whole nor parts of something. */
const failures = (cache: LocalHouse): string[] =>
  cache.access.filter(({ status }) => status !== 200 && status !== 206).map(({ target, status }) => `${status} ${target}`);

/**
 * Two uv.locks without the sizes that only one of them has. An index may answer one page as JSON, which has sizes, and a second later as HTML,
 * which has none (seen with a load-balanced mirror): then one client was told them and the other was not. A size that both have stays.
 */
function withSharedSizes(one: string, other: string): [string, string] {
  const [oneFiles, otherFiles] = [sizesByHash(one), sizesByHash(other)];
  const strip = (lock: string): string =>
    lock.replace(FILE_SIZE, (all, hash: string, size: string) =>
      oneFiles.has(hash) && otherFiles.has(hash) ? all : all.replace(size, ''),
    );
  return [strip(one), strip(other)];
}

const FILE_SIZE = /hash = "(\w+:\w+)"(, size = \d+)/g;
const sizesByHash = (lock: string): ReadonlySet<string> => new Set([...lock.matchAll(FILE_SIZE)].map(([, hash = '']) => hash));
function isSame(one: string, other: string): boolean {
  const [a, b] = withSharedSizes(one, other);
  return a === b;
}

describe('uv', () => {
  let direct: Developer;
  let cached: Developer;
  let cache: LocalHouse;
  let files = '';

  /** Runs a documented script as a user would: with the addresses put in. */
  const substitute = async (developer: Developer, script: 'from' | 'to', base: string): Promise<string> => {
    const text = await readFile(join(ROOT, `caches/pip/client/uv-lock-${script}-cache.sed`), 'utf8');
    const values: Record<string, string> = { base, index: index.url, files };
    await developer.write(
      'lock.sed',
      text.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? ''),
    );
    await runWell(['sed', '-i', '-f', 'lock.sed', 'uv.lock'], { cwd: developer.folder, env: { PATH: process.env['PATH'] } });
    return developer.read('uv.lock');
  };
  const lockBoth = async (): Promise<void> => {
    cache = await openCache();
    direct = await develop(index.url, { 'pyproject.toml': PROJECT });
    cached = await develop(`${cache.url}/simple/`, { 'pyproject.toml': PROJECT });
    await Promise.all([direct.must('uv', 'lock', '--quiet'), cached.must('uv', 'lock', '--quiet')]);
    files = /"(https?:\/\/[^/"]+)\/packages\//.exec(await direct.read('uv.lock'))?.[1] ?? 'no files';
  };

  withIndex(
    'writes the same uv.lock with and without the cache, but for addresses that a substitution changes',
    async () => {
      await lockBoth();
      const cachedLock = await cached.read('uv.lock');
      // A version may be published between the two; it will not happen twice.
      if (!isSame(await substitute(cached, 'from', cache.url), await direct.read('uv.lock'))) await lockBoth();
      else await cached.write('uv.lock', cachedLock);
      const [through, without] = withSharedSizes(await substitute(cached, 'from', cache.url), await direct.read('uv.lock'));
      expect(through).toBe(without);
      expect(await direct.read('uv.lock')).not.toContain('127.0.0.1');
      expect(failures(cache)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  withIndex(
    'uv sync --frozen installs from the translated lock through a cache that has seen no page',
    async () => {
      const cold = await openCache();
      const developer = await develop(`${cold.url}/simple/`, { 'pyproject.toml': PROJECT, 'uv.lock': await direct.read('uv.lock') });
      const lock = await substitute(developer, 'to', cold.url);
      expect(lock).not.toContain(files);
      await developer.must('uv', 'sync', '--frozen', '--quiet');
      expect(await developer.read('uv.lock')).toBe(lock);
      expect(await developer.distributions('environment')).toContainEqual(expect.stringMatching(/^pandas-\d/));

      // The files came first; each was judged all the same, by the page that its name leads to.
      const first = cold.access[0]?.target ?? '';
      expect(first).toContain('/packages/');
      expect(failures(cold)).toEqual([]);
      for (const { target } of cold.access.filter((line) => line.target.includes('/packages/')))
        expect([target, (await cold.why(target)).pin?.integrity]).toEqual([target, expect.stringContaining('sha256-')]);
    },
    TIMEOUT_MS,
  );
});

describe('Poetry', () => {
  const project = (url: string): string => `[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11,<3.12"
dependencies = ["flask", "requests"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "larder"
url = "${url}"
priority = "primary"
`;
  /** The hash is of the project's file, which names the source. */
  const plain = (lock: string, url: string): string => lock.replaceAll(url.replace(/\/$/, ''), 'INDEX').replace(/content-hash = .*/, '');

  withIndex(
    'locks the same with and without the cache, and installs from it on a new machine',
    async () => {
      const cache = await openCache();
      const url = `${cache.url}/simple/`;
      const direct = await develop(index.url, { 'pyproject.toml': project(index.url) });
      const cached = await develop(url, { 'pyproject.toml': project(url) });
      await Promise.all([direct.must('poetry', 'lock', '-n'), cached.must('poetry', 'lock', '-n')]);
      expect(plain(await cached.read('poetry.lock'), url)).toBe(plain(await direct.read('poetry.lock'), index.url));

      await cached.forget();
      await cached.must('poetry', 'install', '-n');
      expect(await cached.distributions('environment')).toContainEqual(expect.stringMatching(/^flask-\d/));
      expect(failures(cache)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('Pipenv', () => {
  const pipfile = `[[source]]\nurl = "${index.url}"\nverify_ssl = true\nname = "index"\n\n[packages]\nflask = "*"\n`;

  withIndex(
    'locks the same through --pypi-mirror as without it, and installs from it',
    async () => {
      const cache = await openCache();
      const mirror = ['--pypi-mirror', `${cache.url}/simple/`];
      const direct = await develop(index.url, { Pipfile: pipfile });
      const cached = await develop(`${cache.url}/simple/`, { Pipfile: pipfile });
      await Promise.all([direct.must('pipenv', 'lock'), cached.must('pipenv', 'lock', ...mirror)]);
      expect(await cached.read('Pipfile.lock')).toBe(await direct.read('Pipfile.lock'));
      // The client joins its mirror's address and a name badly; it is answered what it means.
      expect(cache.access.map(({ target }) => target)).toContain('/simple//flask/');

      await cached.forget();
      await cached.must('pipenv', 'sync', ...mirror);
      expect(await cached.distributions('environment')).toContainEqual(expect.stringMatching(/^flask-\d/));
      expect(failures(cache)).toEqual([]);
    },
    TIMEOUT_MS,
    index.isDefault ? '' : 'pip has an index of its own here, and the option is for the default one',
  );
});

describe('PDM', () => {
  withIndex(
    'locks the same with and without the cache, and installs from it',
    async () => {
      const cache = await openCache();
      const direct = await develop(index.url, { 'pyproject.toml': PROJECT });
      const cached = await develop(`${cache.url}/simple/`, { 'pyproject.toml': PROJECT });
      await Promise.all([direct.must('pdm', 'lock'), cached.must('pdm', 'lock')]);
      expect(await cached.read('pdm.lock')).toBe(await direct.read('pdm.lock'));

      await cached.forget();
      await cached.must('pdm', 'sync', '--no-self');
      expect(await cached.distributions('environment')).toContainEqual(expect.stringMatching(/^flask-\d/));
      expect(failures(cache)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
