/** What stays behind when the system refuses something in the middle: nothing is taken for gone, no descriptor is closed twice, no lock is kept. */
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { join } from 'node:path';
import { Catalogue } from '../catalogue/catalogue';
import { EpochReader, EpochWriter, ownBumpsFor } from './epoch';
import { Intent } from './intent';
import { Parked } from './parked';
import { Rebuild } from './rebuild';
import { openSpool } from './spool';
import { randomBody, record, StoreFixture } from './store-fixture';
import { Writer } from './writer';

const MODULES = ['npm'];
let fixture: StoreFixture;
beforeEach(() => {
  fixture = new StoreFixture();
  fs.mkdirSync(fixture.cacheDir);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.end();
});

const refusal = (code: string): Error => Object.assign(new Error(`${code}: refused by the test`), { code });

/** From now on a call fails whose path matches. */
function refuse(name: 'readFileSync' | 'readdirSync' | 'statSync' | 'rmSync', code: string, path: RegExp): void {
  const real = fs[name] as (...values: unknown[]) => unknown;
  jest.spyOn(fs, name as 'rmSync').mockImplementation((...values: unknown[]) => {
    if (path.test(String(values[0]))) throw refusal(code);
    return real(...values) as never;
  });
}

/** What the committer has, in this thread. */
function writing(): { catalogue: Catalogue; writer: Writer; rebuild: Rebuild; locked<T>(work: () => T | Promise<T>): Promise<T> } {
  const catalogue = new Catalogue(fixture.cacheDir);
  const writer = new Writer(fixture.cacheDir, catalogue, new EpochWriter(fixture.cacheDir, MODULES, ownBumpsFor(MODULES)));
  const locked = async <T>(work: () => T | Promise<T>): Promise<T> => {
    catalogue.begin();
    try {
      writer.begin();
      const result = await work();
      writer.beforeCommit();
      catalogue.commit();
      writer.afterCommit();
      return result;
    } catch (error) {
      catalogue.rollback();
      writer.afterRollback();
      throw error;
    }
  };
  return { catalogue, writer, rebuild: new Rebuild(catalogue, writer), locked };
}

describe('while too many files are open', () => {
  test.each([
    ['the index', /index-v5\/..$/],
    ['a part of the index', /index-v5\/..\/..$/],
  ])('a rebuild that cannot list %s takes nothing for gone', async (_what, path) => {
    const { catalogue, writer, rebuild, locked } = writing();
    const bodies = Array.from({ length: 20 }, () => randomBody());
    await locked(async () => {
      for (const [n, body] of bodies.entries()) await writer.commit(`npm|registry|/${n}`, record(body), { buffer: body }, false);
    });
    await locked(() => rebuild.start());
    refuse('readdirSync', 'EMFILE', path);
    await expect(locked(() => rebuild.slice(10_000))).rejects.toThrow('EMFILE');
    jest.restoreAllMocks();
    while (await locked(() => rebuild.slice(10_000)));
    const totals = await locked(() => catalogue.totals());
    catalogue.close();
    expect(totals).toEqual([{ module: 'npm', entries: 20, bytes: 40_000 }]);
    const store = fixture.store();
    for (const body of bodies) expect(fs.existsSync(store.contentPath(record(body).integrity))).toBe(true);
  });

  test('an intent that cannot be read is acted on later', () => {
    const intent = new Intent(fixture.cacheDir);
    intent.add(['npm|registry|/a'], []);
    intent.abandoned();
    refuse('readFileSync', 'EMFILE', /intent-/);
    expect(intent.leftovers()).toEqual([]);
    jest.restoreAllMocks();
    expect(intent.leftovers()).toMatchObject([{ keys: ['npm|registry|/a'] }]);
  });
});

test('a rebuild that may not look at bytes does not take them for gone', async () => {
  const { catalogue, writer, rebuild, locked } = writing();
  const body = randomBody();
  await locked(() => writer.commit('npm|registry|/a', record(body), { buffer: body }, false));
  await locked(() => rebuild.start());
  refuse('statSync', 'EACCES', /content-v2/);
  await expect(locked(() => rebuild.slice(10_000))).rejects.toThrow('EACCES');
  jest.restoreAllMocks();
  catalogue.close();
  expect(await fixture.store().find('npm|registry|/a')).toBeDefined();
});

test('what was committed is committed, whatever becomes of its intent', async () => {
  const { catalogue, writer, locked } = writing();
  const body = randomBody();
  refuse('rmSync', 'EROFS', /intent-/);
  await locked(() => writer.commit('npm|registry|/a', record(body), { buffer: body }, false));
  jest.restoreAllMocks();
  // The next one acts on it, and finds everything as it is.
  expect(await locked(() => catalogue.totals())).toMatchObject([{ entries: 1 }]);
  catalogue.close();
  expect(fs.readdirSync(join(fixture.cacheDir, 'spool', 'committing'))).toEqual([]);
});

test('who took the lock, and cannot see whether it is the right one, gives it back', () => {
  const catalogue = new Catalogue(fixture.cacheDir);
  catalogue.begin();
  catalogue.commit();
  const real = fs.statSync;
  let looks = 0;
  jest.spyOn(fs, 'statSync').mockImplementation(((...values: Parameters<typeof real>) => {
    // The first look is before it is taken.
    if (++looks === 2) throw refusal('EACCES');
    return real(...values);
  }) as typeof real);
  expect(() => catalogue.begin()).toThrow('EACCES');
  jest.restoreAllMocks();
  const other = new Catalogue(fixture.cacheDir);
  other.begin();
  other.commit();
  other.close();
  catalogue.begin();
  catalogue.commit();
  catalogue.close();
});

test('an epoch whose file cannot be closed in order is closed once', () => {
  const epochs = new EpochReader(fixture.cacheDir, ['npm'], ownBumpsFor(['npm']));
  fs.rmSync(join(fixture.cacheDir, 'epoch', 'npm'));
  const real = fs.closeSync;
  // As close(2) does on Linux: the descriptor is gone all the same.
  jest.spyOn(fs, 'closeSync').mockImplementationOnce((descriptor) => {
    real(descriptor);
    throw refusal('EIO');
  });
  expect(() => epochs.refresh()).toThrow('EIO');
  const others = [fs.openSync('/dev/null', 'r'), fs.openSync('/dev/null', 'r')];
  epochs.refresh();
  epochs.end();
  for (const other of others) expect(fs.fstatSync(other).isCharacterDevice()).toBe(true);
  for (const other of others) fs.closeSync(other);
});

describe('a partial that cannot be parked', () => {
  const sidecar = { key: 'npm|registry|/a', module: 'npm', url: 'http://upstream.test/a' };

  test('fills the disk no longer', async () => {
    const spool = openSpool({ cacheDir: fixture.cacheDir, instance: 'npm-1' });
    const file = spool.newFile();
    fs.writeFileSync(file, randomBody());
    await spool.describe(file, sidecar);
    const real = fsPromises.writeFile;
    jest.spyOn(fsPromises, 'writeFile').mockImplementation((path, ...more) => {
      return String(path).endsWith('sidecar.json') ? Promise.reject(refusal('ENOSPC')) : real(path, ...more);
    });
    await expect(spool.park(file, sidecar)).rejects.toThrow('ENOSPC');
    expect(fs.readdirSync(spool.folder)).toEqual([]);
    await spool.close();
  });

  test('because it was committed meanwhile, leaves nothing', async () => {
    const parked = new Parked(join(fixture.cacheDir, 'spool'));
    const scratch = join(fixture.folder, 'scratch');
    await expect(parked.park(join(fixture.folder, 'gone'), sidecar, scratch)).rejects.toThrow('ENOENT');
    expect(fs.existsSync(scratch)).toBe(false);
  });
});
