/** Suites and Python indexes on a disk that is full, or that cannot be written: clients are served all the same, and nothing is mixed. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startArchive, type FakeArchive } from '../../testing/apt-archive';
import { closing } from '../../testing/closing';
import { ecosystems } from '../../testing/ecosystems';
import { openHouse, type LocalHouse } from '../../testing/house';
import { openMirror } from '../../testing/mirror-stage';
import { bytes, flipped } from '../../testing/packages';
import { digestIn, generator, sha256, suiteClient } from '../../testing/suite-client';
import { smallDisk } from '../../testing/small-disk';
import { until } from '../../testing/until';
import { startUpstream } from '../../testing/upstream';

jest.setTimeout(120_000);

const KIB = 1024;
const FOLDER = '/dists/stable/';
const INDEXES = ['main/binary-amd64/Packages.gz', 'main/i18n/Translation-en.gz', 'main/Contents-amd64.gz'];
const EAGER = { STALE_WAIT: '20s', NEGATIVE_TTL: '0s', MIN_FREE: '1', MEMORY: '1' };

const disk = smallDisk();
const later = closing();
let homes = 0;
afterEach(() => disk.empty());

async function house(
  module: string,
  settings: Pick<Parameters<typeof openHouse>[0], 'upstream' | 'env'>,
  home = newHome(),
): Promise<LocalHouse> {
  const options = {
    module,
    home,
    upstream: settings.upstream,
    env: { ...EAGER, [`TTL_${module}`]: '0s', ...settings.env },
  };
  return later(await openHouse(options), (one) => one.stop());
}

function newHome(): string {
  const home = join(disk.folder, `home${homes++}`);
  mkdirSync(home);
  return home;
}

async function archive(): Promise<FakeArchive> {
  const options = { key: 'none', compressions: ['gz'], byHash: false, crowd: 400 } as const;
  const made = later(await startArchive(options), (one) => one.close());
  made.addPackage({ name: 'hello', version: '1.0', ballast: 200 * KIB }).publish();
  return made;
}

/**
 * @param between what happens after the client has its roster
 * @returns generation and how much of it came whole @throws Error if something whole is of another generation
 */
async function update(port: number, between?: () => Promise<unknown>): Promise<{ generation: number; whole: number }> {
  const client = suiteClient(port);
  try {
    const roster = await client.get(`${FOLDER}Release`);
    if (roster.status !== 200) return { generation: 0, whole: 0 };
    await between?.();
    let whole = 0;
    for (const name of INDEXES) {
      const { status, body } = await client.get(FOLDER + name);
      if (status !== 200) continue;
      if (sha256(body) !== digestIn(roster.body, name)) throw new Error(`${name} is of another generation`);
      whole++;
    }
    return { generation: Number(/^Description: generation (\d+)$/m.exec(roster.body.toString())?.[1]), whole };
  } finally {
    client.leave();
  }
}

disk.describe(`a full disk${disk.why}`, () => {
  test.each([0, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB])(
    'a suite changes while %d bytes are free: one generation, whole, and the next one too',
    async (room) => {
      const upstream = await archive();
      const cache = await house('apt', { upstream: upstream.url });
      expect(await update(cache.port)).toEqual({ generation: 1, whole: 3 });
      for (let round = 0; round < 3; round++) {
        upstream.addPackage({ name: `more${round}`, version: '1' }).publish();
        disk.fill(room);
        const found = await update(cache.port);
        expect([1, round + 2]).toContain(found.generation === round + 1 ? 1 : found.generation);
        expect(found.whole).toBe(3);
        expect((await cache.get(upstream.pool('hello'))).body.equals(upstream.deb('hello'))).toBe(true);
      }
      disk.drain();
      await until('the newest is shown', async () => (await update(cache.port)).generation === upstream.newest.number);
      expect((await update(cache.port)).whole).toBe(3);
    },
  );

  test('a cold cache without room: whole suites and files, nothing wrong', async () => {
    const upstream = await archive();
    const home = newHome();
    disk.fill(0);
    const cache = await house('apt', { upstream: upstream.url }, home);
    for (let round = 0; round < 3; round++) {
      const found = await update(cache.port);
      expect([found.generation, found.whole]).toEqual([upstream.newest.number, 3]);
      expect((await cache.get(upstream.pool('hello'))).body.equals(upstream.deb('hello'))).toBe(true);
      upstream.addPackage({ name: `more${round}`, version: '1' }).publish();
    }
  });

  test('room that comes and goes: many orders', async () => {
    const random = generator(Number(process.env['LARDER_SEED'] ?? 20260102));
    const upstream = await archive();
    const cache = await house('apt', { upstream: upstream.url });
    let whole = 0;
    const change = (round: string): void => {
      if (random() < 0.5) upstream.addPackage({ name: `more${round}`, version: '1' }).publish();
      if (random() < 0.5) disk.fill(Math.floor(random() * 100) * KIB);
      else disk.drain();
    };
    for (let round = 0; round < 20; round++) {
      change(`${round}a`);
      // A second client comes while the first is at work, and perhaps sees another generation.
      await update(cache.port, async () => {
        change(`${round}b`);
        whole += (await update(cache.port)).whole;
      });
    }
    expect(whole).toBeGreaterThan(30);
  });
});

/** From now on nothing below a folder can be written, though what is open stays so: as after an error of the file system. */
function freeze(folder: string): void {
  // A process makes it before it opens anything.
  mkdirSync(folder, { recursive: true });
  const mount = (...words: string[]): boolean => spawnSync('mount', words).status === 0;
  expect(mount('--bind', folder, folder) && mount('-o', 'remount,ro,bind', folder)).toBe(true);
  later(folder, (one) => spawnSync('umount', ['-l', one]));
}

disk.describe(`a list of announcements that could not be stored${disk.why}`, () => {
  test('is stored when there is room again, though it is still the same', async () => {
    const row = ecosystems.find(({ module }) => module === 'julia');
    if (!row) throw new Error('there is no such ecosystem');
    const upstream = later(await startUpstream(), (one) => one.close());
    row.offer(upstream, { body: (row.bytes ?? bytes)(1000) });
    const { env, ...rest } = row.house(upstream);
    disk.fill(1024 * KIB);
    const cache = await house('julia', { ...rest, env: { ...env, MIN_FREE: '8MB' } });
    await until('nothing is stored', async () => (await cache.appliance.status()).notStoring !== undefined);
    expect((await cache.get(row.document)).status).toBe(200);
    expect((await cache.why(row.document)).entry).toBeNull();
    disk.drain();
    await until('there is room', async () => (await cache.appliance.status()).notStoring === undefined);
    await until('it is held', async () => (await cache.get(row.document)).status === 200 && (await cache.why(row.document)).entry !== null);
  });
});

disk.describe(`a store that cannot be written any more${disk.why}`, () => {
  test.each<[string, number, Record<string, string>]>([
    ['what is not to be kept', 200, { 'Cache-Control': 'no-store', ETag: '"2"' }],
    ['that there is nothing', 404, { 'Cache-Control': 'no-store' }],
    ['that there is nothing any more', 410, { 'Cache-Control': 'no-store' }],
    ['that what is held is the same, for others', 304, { 'Cache-Control': 'max-age=1', ETag: '"1"', Vary: 'Accept' }],
  ])('a mirror whose origin says %s in place of what is held: so it is answered', async (_what, status, fields) => {
    const stage = later(await openMirror({}, { home: newHome() }), (one) => one.close());
    stage.says('/a', { 'Cache-Control': 'max-age=10', ETag: '"1"' }, 'before');
    await stage.get('/a');
    await stage.idle();
    freeze(stage.house.cacheDir);
    stage.pass(20);
    stage.says('/a', fields, 'now', status);
    const got = await stage.get('/a');
    expect([got.status, String(got.body)]).toEqual(status === 304 ? [200, 'before'] : [status, 'now']);
  });

  describe.each(ecosystems.map((row) => [row.module, row] as const))('%s', (_name, row) => {
    const body = (row.bytes ?? bytes)(300_000);

    test.each([
      ['nothing', false],
      ['something', true],
    ])('with %s in it: documents and files are right or refused, and whoever asks is served', async (_what, isWarm) => {
      const upstream = later(await startUpstream(), (one) => one.close());
      row.offer(upstream, { body });
      const cache = await house(row.module, row.house(upstream));
      if (isWarm) {
        for (const target of row.reads) expect((await cache.get(target)).status).toBe(200);
        expect((await cache.get(row.file)).status).toBe(200);
        await cache.kept(row.file);
      }
      freeze(cache.cacheDir);
      freeze(cache.stateDir);
      for (let times = 0; times < 2; times++) {
        for (const target of row.reads) expect([target, (await cache.get(target)).status]).toEqual([target, 200]);
        expect((await cache.get(row.file)).body.equals(body)).toBe(true);
      }
      row.offer(upstream, { body, revision: '2.0.0' });
      await until('the new one is shown', async () => row.revision((await cache.get(row.document)).body) === '2.0.0');
      for (const target of row.reads) expect([target, (await cache.get(target)).status]).toEqual([target, 200]);
      // Wrong bytes stay wrong; but what promises packages of a suite are indexes, which have to be held to be read.
      if (isWarm || row.module === 'apt' || row.unjudged !== undefined) return;
      upstream.on(row.filePath, { body: flipped(body) });
      const got = await cache.get(row.file);
      expect(got.complete && got.status === 200).toBe(false);
    });
  });
});
