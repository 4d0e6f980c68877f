/** What else Python clients do than installing wheels, against this machine's index, through the cache. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { openHouse, type LocalHouse } from '../house';
import { makeDeveloper, type Developer } from './py-clients';
import { upstreamSettings, withIndex } from './py-machine';

const TIMEOUT_MS = 120_000;
const CLEANUP_MS = 60_000;
/** A release that nothing will change any more. */
const [NAME, VERSION] = ['six', '1.16.0'];

let cache: LocalHouse;
let developer: Developer;

beforeAll(async () => {
  cache = await openHouse({ module: 'pip', upstream: [], env: upstreamSettings() });
  developer = await makeDeveloper(`${cache.url}/simple/`);
}, CLEANUP_MS);

afterAll(async () => {
  await developer?.remove();
  await cache?.stop();
}, CLEANUP_MS);

withIndex(
  'pip download gets a source distribution, with what builds it',
  async () => {
    await developer.must('pip', 'download', '--no-deps', '--no-binary', NAME, '--dest', 'sources', `${NAME}==${VERSION}`);
    expect(await readdir(join(developer.folder, 'sources'))).toEqual([`${NAME}-${VERSION}.tar.gz`]);
  },
  TIMEOUT_MS,
);

withIndex(
  'pip index versions tells all versions',
  async () => {
    const { stdout } = await developer.must('pip', 'index', 'versions', NAME);
    expect(stdout).toMatch(/Available versions: .*\b1\.16\.0, 1\.15\.0/);
  },
  TIMEOUT_MS,
);

withIndex(
  'pip install --dry-run --report tells where a file is, and its digest, without downloading it',
  async () => {
    const { stdout } = await developer.must('pip', 'install', '--quiet', '--dry-run', '--ignore-installed', '--report', '-', 'pandas');
    const report = JSON.parse(stdout) as { install: { download_info: { url: string; archive_info: { hashes: { sha256: string } } } }[] };
    expect(report.install.length).toBeGreaterThan(2);
    for (const { download_info: info } of report.install) {
      expect(info.url.startsWith(`${cache.url}/packages/`)).toBe(true);
      expect(info.archive_info.hashes.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(cache.access.filter(({ target }) => /pandas.*\.whl$/.test(target))).toEqual([]);
  },
  TIMEOUT_MS,
);

withIndex(
  'the JSON API names the files where the cache has them',
  async () => {
    const answer = await cache.get(`/pypi/${NAME}/json`);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
    const { info, urls } = JSON.parse(answer.body.toString()) as {
      info: { name: string };
      urls: { url: string; digests: { sha256: string } }[];
    };
    expect(info.name).toBe(NAME);
    expect(urls.length).toBeGreaterThan(0);
    for (const { url } of urls) expect(url.startsWith(`${cache.url}/packages/`)).toBe(true);
    const [first] = urls;
    await developer.must('pip', 'download', '--no-deps', '--dest', 'named', `${first?.url ?? ''}#sha256=${first?.digests.sha256 ?? ''}`);
  },
  TIMEOUT_MS,
);
