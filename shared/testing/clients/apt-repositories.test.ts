/** What real archives have besides packages, and the layouts that third parties make: a real apt asks for each through the cache. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

import { startArchive, type ArchiveOptions, type FakeArchive } from '../apt-archive';
import { hex } from '../apt-indexes';
import { makeAptRoot, noApt, type AptRoot } from '../apt-root';
import { openHouse, type LocalHouse } from '../house';
import { canSign, makeSigningKey, type SigningKey } from '../signing-key';
import { expectKept } from './apt-packages';

const why = noApt() || (canSign() ? '' : 'there is no gpg');
const noDpkgSource = spawnSync('dpkg-source', ['--version']).status === 0 ? '' : 'there is no dpkg-source';

jest.setTimeout(120_000);
/** What this machine cannot run is skipped, and says why by name. */
const declare = (name: string, body: () => Promise<void>, missing = why): void =>
  missing === '' ? it(name, body) : it.skip(`${name} (skipped: ${missing})`, body);

let key: SigningKey | undefined;
let closing: Array<() => unknown> = [];
beforeAll(() => {
  if (why === '') key = makeSigningKey();
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});
afterAll(() => key?.close());

async function archiveOf(options: ArchiveOptions = {}): Promise<FakeArchive> {
  const archive = await startArchive({ compressions: ['gz'], ...(key ? { key } : {}), ...options });
  closing.push(() => archive.close());
  return archive;
}

/** A cache that asks at every chance. */
async function cacheOf(env: Readonly<Record<string, string>> = {}, home?: string): Promise<LocalHouse> {
  const settings = { TTL_apt: '0s', NEGATIVE_TTL: '0s', STALE_WAIT: '10s', ALLOW_NETS: '127.0.0.0/8', ...env };
  const cache = await openHouse({ module: 'apt', upstream: [], env: settings, ...(home === undefined ? {} : { home }) });
  closing.push(() => cache.stop());
  return cache;
}

/** A client that goes through the cache. @param line the rest of its sources lines, after the archive's URL */
function clientOf(cache: LocalHouse, archive: FakeArchive, line = 'stable main', conf: readonly string[] = []): AptRoot {
  const kinds = line.endsWith('main') ? ['deb', 'deb-src'] : ['deb'];
  const apt = makeAptRoot({
    sources: kinds.map((kind) => `${kind} [${archive.trust}] ${archive.url} ${line}`),
    conf: [`Acquire::http::Proxy "${cache.url}/";`, ...conf],
  });
  closing.push(() => apt.close());
  return apt;
}

/** Runs apt, which has to end well and without a warning. @returns what it printed */
async function well(apt: AptRoot, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await apt.apt(...args);
  const output = stdout + stderr;
  if (code !== 0 || /^[WE]: /m.test(output)) throw new Error(`apt ${args.join(' ')} ended with ${String(code)}:\n${output}`);
  return output;
}

declare('changelogs, from where the Release says', async () => {
  const archive = await archiveOf();
  archive.addPackage({ name: 'told', version: '1:2.0-1', source: true }).publish();
  const apt = clientOf(await cacheOf(), archive);
  await well(apt, 'update');
  await well(apt, 'changelog', '-d', 'told');
  expect(readFileSync(join(apt.folder, 'told.changelog'), 'utf8')).toContain('told (1:2.0-1) unstable');
  expect(archive.upstream.count(/\/changelogs\//)).toBe(1);
});

declare('source packages, also with the archive off', async () => {
  const archive = await archiveOf();
  archive.addPackage({ name: 'origin', version: '1:3.1', source: true }).publish();
  const cache = await cacheOf();
  for (let round = 0; round < 2; round++) {
    const apt = clientOf(cache, archive);
    await well(apt, 'update');
    await well(apt, 'source', '-d', 'origin');
    expect(readFileSync(join(apt.folder, 'origin_3.1.tar.gz'))).toHaveLength(
      archive.newest.files.get('pool/main/o/origin/origin_3.1.tar.gz')?.body.length ?? -1,
    );
    await archive.upstream.down();
  }
});

declare(
  'a source package that dpkg-source takes apart',
  async () => {
    const archive = await archiveOf();
    archive.addPackage({ name: 'origin', version: '3.1', source: true }).publish();
    const apt = clientOf(await cacheOf(), archive);
    await well(apt, 'update');
    const { code, stdout, stderr } = await apt.apt('source', 'origin');
    expect([code, stdout + stderr]).toEqual([0, expect.stringContaining('unpacking origin_3.1.tar.gz')]);
    expect(existsSync(join(apt.folder, 'origin-3.1/debian/control'))).toBe(true);
  },
  why || noDpkgSource,
);

declare('from one revision of an index to the newest by patches, which are held too', async () => {
  const archive = await archiveOf({ pdiffs: true, crowd: 2_000 });
  archive.addPackage({ name: 'p1', version: '1' }).publish();
  const cache = await cacheOf();
  const conf = ['Acquire::PDiffs "true";', 'Acquire::IndexTargets::deb::Packages::PDiffs "true";'];
  const clients = [clientOf(cache, archive, 'stable main', conf), clientOf(cache, archive, 'stable main', conf)];
  for (const apt of clients) await well(apt, 'update');
  archive.addPackage({ name: 'p2', version: '1' }).publish();
  archive.addPackage({ name: 'p3', version: '1' }).publish();

  const fresh = clientOf(cache, archive);
  await well(fresh, 'update');
  const packages = (apt: AptRoot): string[] => [...apt.lists()].filter(([name]) => name.endsWith('_Packages')).map(([, text]) => text);
  const whole = /\/Packages\.gz$|binary-amd64\/by-hash/;
  for (const [round, apt] of clients.entries()) {
    archive.upstream.forget();
    const from = cache.access.length;
    await well(apt, 'update');
    const asked = cache.access.slice(from).map(({ target }) => target);
    expect(asked.filter((target) => /Packages\.diff\/[^/]*\.gz$/.test(target))).toHaveLength(2);
    expect(asked.some((target) => target.endsWith('/Packages.gz'))).toBe(false);
    expect(packages(apt)).toEqual(packages(fresh));
    // The second client needs nothing of the archive but its roster.
    if (round === 1) expect(archive.upstream.count(whole) + archive.upstream.count(/\.diff\//)).toBe(0);
  }
});

declare('nothing is sent twice: a second update is answered by 304', async () => {
  const archive = await archiveOf({ suites: ['stable', 'testing'] });
  archive.addPackage({ name: 'p', version: '1' }).publish();
  const cache = await cacheOf();
  const apt = makeAptRoot({
    sources: ['stable', 'testing'].map((suite) => `deb [${archive.trust}] ${cache.url}/${archive.host}${archive.root} ${suite} main`),
  });
  closing.push(() => apt.close());
  await well(apt, 'update');
  const from = cache.access.length;
  const output = await well(apt, 'update');
  expect(output.match(/^Hit:/gm)).toHaveLength(2);
  expect(cache.access.slice(from).map(({ status }) => status)).toEqual([304, 304]);
});

describe('layouts', () => {
  declare('Release and Release.gpg only', async () => {
    const archive = await archiveOf({ signatures: 'detached', byHash: false });
    archive.addPackage({ name: 'p', version: '1' }).publish();
    const cache = await cacheOf();
    for (let round = 0; round < 2; round++) {
      const apt = clientOf(cache, archive);
      await well(apt, 'update');
      await well(apt, 'install', '-d', 'p');
      expect([...expectKept(apt).keys()]).toEqual(['p_1_all']);
      await archive.upstream.down();
    }
  });

  for (const folder of ['./', 'sub/', 'sub/deeper/'])
    declare(`a flat repository at ${folder}, also with the archive off and after a new upload`, async () => {
      const archive = await archiveOf({ suites: [folder], root: '/repo' });
      archive.addPackage({ name: 'flat', version: '1-1', architecture: 'amd64', ballast: 9_000 }).publish();
      const cache = await cacheOf();
      for (const when of ['first', 'uploaded anew', 'off']) {
        if (when === 'uploaded anew')
          archive.addPackage({ name: 'flat', version: '1-1', architecture: 'amd64', ballast: 9_000, seed: when }).publish();
        if (when === 'off') await archive.upstream.down();
        const apt = clientOf(cache, archive, folder);
        await well(apt, 'update');
        await well(apt, 'install', '-d', 'flat');
        expect([...expectKept(apt)]).toEqual([['flat_1-1_amd64', hex('sha256', archive.deb('flat'))]]);
      }
    });

  declare('one file name, uploaded again and again with other bytes', async () => {
    const archive = await archiveOf();
    const cache = await cacheOf();
    const apt = clientOf(cache, archive);
    for (let round = 0; round < 4; round++) {
      archive.addPackage({ name: 'driver', version: '6.7.0', seed: `upload ${round}`, ballast: 5_000 * (round + 1) }).publish();
      await well(apt, 'update');
      await well(apt, 'clean');
      await well(apt, 'install', '-d', 'driver');
      expect([...expectKept(apt)]).toEqual([['driver_6.7.0_all', hex('sha256', archive.deb('driver'))]]);
    }
    await archive.upstream.down();
    const other = clientOf(cache, archive);
    await well(other, 'update');
    await well(other, 'install', '-d', 'driver');
    expect([...expectKept(other).keys()]).toEqual(['driver_6.7.0_all']);
  });
});
