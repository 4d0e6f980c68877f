import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describeSigned } from './signed';
import { startArchive, type ArchiveOptions, type FakeArchive } from './apt-archive';
import { makeAptRoot, noApt, type AptRoot } from './apt-root';
import { ask, type Got } from './ask';

jest.setTimeout(120_000);

const RELEASE = 'dists/stable/InRelease';
const PACKAGES = 'dists/stable/main/binary-amd64/Packages.gz';
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function start(options?: ArchiveOptions): Promise<FakeArchive> {
  const archive = await startArchive(options);
  open.push(archive);
  archive.addPackage({ name: 'left', version: '1.0-1', depends: 'right (>= 2)', source: true });
  archive.addPackage({ name: 'right', version: '1:2.0+b1', architecture: 'amd64', ballast: 100_000 });
  archive.publish();
  return archive;
}

function get({ upstream, root }: FakeArchive, path: string, headers: Record<string, string> = {}): Promise<Got> {
  return ask(upstream.port, `${root}/${path}`, { headers }).whole;
}

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');
/** Which generation an InRelease or a Packages.gz is of. */
const generationOf = ({ body }: Got): string | undefined =>
  /^(?:Description: generation|Package: generation\nVersion:) (\d+)$/m.exec(String(body[0] === 0x1f ? gunzipSync(body) : body))?.[1];

describe('files', () => {
  it('what Release lists is what is there, by name and by digest; Packages promises the pool', async () => {
    const archive = await start({ key: 'none' });
    const release = String((await get(archive, 'dists/stable/Release')).body);
    expect(release).toContain('\nAcquire-By-Hash: yes\n');
    const packages = await get(archive, PACKAGES);
    expect(release).toContain(` ${sha256(packages.body)} ${String(packages.body.length).padStart(8)} main/binary-amd64/Packages.gz\n`);
    const byHash = await get(archive, `dists/stable/main/binary-amd64/by-hash/SHA256/${sha256(packages.body)}`);
    expect(byHash.body.equals(packages.body)).toBe(true);
    const text = String(gunzipSync(packages.body));
    expect(text).toContain(`Filename: ${archive.pool('right').slice(1)}\n`);
    expect(text).toContain(`SHA256: ${sha256(archive.deb('right'))}\n`);
    expect((await get(archive, archive.pool('right').slice(1).replace('+', '%2b'))).body.equals(archive.deb('right'))).toBe(true);
    expect((await get(archive, 'dists/stable/InRelease')).status).toBe(404);
    expect((await get(archive, 'dists/stable/main/binary-amd64/Packages')).status).toBe(404);
  });

  it('a new generation: what did not change keeps its date, old by-hash files stay or go', async () => {
    for (const keepByHash of [true, false]) {
      const archive = await start({ keepByHash });
      const old = await get(archive, PACKAGES);
      const pool = archive.pool('right').slice(1);
      const before = await get(archive, pool);
      archive.withdraw('left').addPackage({ name: 'right', version: '1:2.0+b1', architecture: 'amd64', seed: 'again' }).publish();
      expect((await get(archive, `dists/stable/main/binary-amd64/by-hash/SHA256/${sha256(old.body)}`)).status).toBe(keepByHash ? 200 : 404);
      expect((await get(archive, PACKAGES, { 'if-modified-since': old.headers['last-modified'] ?? '' })).status).toBe(200);
      expect((await get(archive, pool)).body.equals(before.body)).toBe(false);
      expect((await get(archive, 'pool/main/l/left/left_1.0-1_all.deb')).status).toBe(404);
    }
  });

  describeSigned('signed ones', () => {
    it('switches at named points', async () => {
      const archive = await start();
      archive.switchAfter('InRelease', archive.prepare());
      expect([generationOf(await get(archive, RELEASE)), generationOf(await get(archive, PACKAGES))]).toEqual(['1', '2']);
      const [old, next] = [archive.newest, archive.prepare()];
      const bodyOf = (from: typeof old): Buffer => from.files.get(PACKAGES)?.body ?? Buffer.alloc(0);
      archive.switchWithin(/Packages\.gz$/, next, 100, 'cut');
      const cut = await get(archive, PACKAGES);
      expect([cut.complete, cut.body.equals(bodyOf(old).subarray(0, 100)), archive.switches]).toEqual([false, true, 2]);
      expect((await get(archive, PACKAGES, { range: 'bytes=100-' })).body.equals(bodyOf(next).subarray(100))).toBe(true);
      archive.show(old);
      archive.switchWithin(/Packages\.gz$/, next, 100, 'glue');
      const glued = (await get(archive, PACKAGES)).body;
      expect(glued.subarray(100).equals(bodyOf(next).subarray(100, bodyOf(old).length))).toBe(true);
      expect(glued.equals(bodyOf(next))).toBe(false);
      archive.show(old, next);
      const turns = [await get(archive, RELEASE), await get(archive, RELEASE), await get(archive, PACKAGES)].map(generationOf);
      expect(turns).toEqual(['2', '3', '2']);
      const mirror = await archive.mirror();
      open.push(mirror);
      expect(generationOf(await ask(mirror.upstream.port, `/debian/${RELEASE}`, {}).whole)).toBe('3');
    });
  });
});

const none = noApt();
const real = none === '' ? describe : describe.skip;
real(`a real apt${none && ` (skipped: ${none})`}`, () => {
  function root(archive: FakeArchive, line: string, conf: readonly string[] = []): AptRoot {
    const made = makeAptRoot({ sources: [`deb [${archive.trust}] ${archive.url} ${line}`], conf });
    open.push(made);
    return made;
  }

  it.each<[string, ArchiveOptions, string]>([
    ['signed, as Debian', {}, 'stable main'],
    ['Release and Release.gpg', { signatures: 'detached' }, 'stable main'],
    ['unsigned, without by-hash, bare', { key: 'none', byHash: false, bare: true, compressions: ['gz'] }, 'stable main'],
    [
      'SHA-512 too, all compressions',
      { digests: ['MD5Sum', 'SHA1', 'SHA256', 'SHA512'], components: ['main', 'contrib'] },
      'stable main contrib',
    ],
    ['flat', { suites: ['flat/'] }, 'flat/'],
  ])('updates and installs: %s', async (_what, options, line) => {
    const archive = await start(options);
    const { apt, versions, archives } = root(archive, line);
    expect(await apt('update')).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(versions('generation').values())).toEqual(new Set(['1']));
    expect(await apt('install', '--download-only', 'left')).toMatchObject({ code: 0 });
    expect(archives().sort()).toEqual(['left_1.0-1_all.deb', 'right_1%3a2.0+b1_amd64.deb']);
    archive.publish();
    expect(await apt('update')).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(versions('generation').values())).toEqual(new Set(['2']));
  });

  it('takes pdiffs', async () => {
    const archive = await start({ pdiffs: true, crowd: 200 });
    const { apt, versions } = root(archive, 'stable main', ['Acquire::PDiffs "true";']);
    await apt('update');
    for (let more = 0; more < 3; more++) {
      archive.addPackage({ name: `extra${more}`, version: '1' }).publish();
    }
    archive.upstream.forget();
    expect(await apt('update')).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(versions('generation').values())).toEqual(new Set(['4']));
    const paths = archive.upstream.requests.map(({ path }) => path);
    expect(paths.filter((path) => /Packages\.diff\/2.*\.gz$/.test(path))).toHaveLength(3);
  });

  it('gets sources and changelogs; dpkg accepts the packages', async () => {
    const archive = await start();
    const made = makeAptRoot({ sources: ['deb', 'deb-src'].map((kind) => `${kind} [${archive.trust}] ${archive.url} stable main`) });
    open.push(made);
    const { apt, folder, archives } = made;
    expect(await apt('update')).toMatchObject({ code: 0, stderr: '' });
    expect(await apt('source', '--download-only', 'left')).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['left_1.0-1.dsc', 'left_1.0-1.tar.gz']));
    expect(await apt('changelog', 'left')).toMatchObject({ code: 0, stdout: expect.stringContaining('* First.') as string });
    await apt('install', '--download-only', 'left');
    for (const name of archives()) {
      const extract = spawnSync('dpkg-deb', ['--extract', join(folder, 'var/cache/apt/archives', name), join(folder, 'out')]);
      expect([String(extract.stderr), extract.status]).toEqual(['', 0]);
    }
  });
});
