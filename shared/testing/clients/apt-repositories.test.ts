/** What real archives have besides packages, and the layouts that third parties make: a real apt asks for each through the cache. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

import { hex } from '../apt-indexes';
import type { AptRoot } from '../apt-root';
import { sendReply } from '../reply';
import { expectKept } from './apt-packages';
import { aptOf, archiveOf, cacheOf, clientOf, declare, said, useScene, well } from './apt-scene';

const noDpkgSource = spawnSync('dpkg-source', ['--version']).status === 0 ? '' : 'there is no dpkg-source';

useScene();

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
    expect(await said(apt, 'source', 'origin')).toEqual({
      code: 0,
      output: expect.stringContaining('unpacking origin_3.1.tar.gz') as string,
    });
    expect(existsSync(join(apt.folder, 'origin-3.1/debian/control'))).toBe(true);
  },
  noDpkgSource,
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
  const apt = aptOf({
    sources: ['stable', 'testing'].map((suite) => `deb [${archive.trust}] ${cache.url}/${archive.host}${archive.root} ${suite} main`),
  });
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

  declare('a flat repository whose files are in folders below it, also after a new upload and with the archive off', async () => {
    const archive = await archiveOf({ suites: ['home/'], root: '/repo' });
    // A sources line may call the same folder `<base>/home /`: then the names in its index are relative to it.
    const below = /^\/repo\/home\/home\/([^/]*)$/;
    archive.upstream.on(below, (request, response, { match }) => {
      const body = archive.newest.files.get(`home/${match[1] ?? ''}`)?.body;
      return sendReply(request, response, body ? { body, ranges: 'yes' } : { status: 404 });
    });
    const cache = await cacheOf();
    for (const when of ['first', 'uploaded anew', 'off']) {
      if (when !== 'off') archive.addPackage({ name: 'deep', version: '1-1', ballast: 9_000, seed: when }).publish();
      else await archive.upstream.down();
      const apt = aptOf({
        sources: [`deb [${archive.trust}] ${archive.url}/home /`],
        conf: [`Acquire::http::Proxy "${cache.url}/";`],
      });
      await well(apt, 'update');
      await well(apt, 'install', '-d', 'deep');
      expect([...expectKept(apt)]).toEqual([['deep_1-1_all', hex('sha256', archive.deb('deep'))]]);
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
