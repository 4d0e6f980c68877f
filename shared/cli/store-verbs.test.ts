import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Module } from '../../caches/module';
import { judgeRoster, guardNote, readGuard, writeGuard } from '../engine/rosters/roster-guard';
import { openStore, type LarderStore } from '../store/store';
import { randomBody, record } from '../store/store-fixture';
import { runCommand, type Said } from '../testing/command-line';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(60_000);

const plain: Module = {
  name: 'plain',
  title: 'plain',
  defaultPort: 1,
  routes: [],
  purge: (name) => ({ documents: [`/${name}`], prefix: `/${name}/-/` }),
  error: () => ({ contentType: '', body: Buffer.alloc(0) }),
  clients: () => [],
};
/** Its files are at paths of their own. */
const scattered: Module = {
  ...plain,
  name: 'scattered',
  defaultPort: 2,
  purge: (name) => ({ documents: [`/simple/${name}/`], prefix: '', anywhere: new RegExp(`/${name}-[^/]*$`) }),
};
/** Its archives are named by clients. */
const open: Module = {
  ...plain,
  name: 'open',
  defaultPort: 3,
  archive: () => undefined,
  purge: (name) =>
    name.startsWith('/') ? { documents: [], prefix: name } : { documents: [], prefix: '', anywhere: new RegExp(`/pool/${name}/`) },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-verbs-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function cli(...args: string[]): Promise<Said> {
  const env = {
    HOME: folder,
    LARDER_ENV_FILE: '/dev/null',
    CACHE_DIR: join(folder, 'cache'),
    STATE_DIR: join(folder, 'state'),
    ...Object.fromEntries(['plain', 'scattered', 'open'].map((name) => [`UPSTREAM_${name}`, `http://${name}.test`])),
    UPSTREAM_plain_more: 'http://more.test',
  };
  return runCommand({ args, modules: [plain, scattered, open], env });
}

/** Does something with the store as another process would. */
async function withStore<T>(work: (store: LarderStore) => Promise<T>): Promise<T> {
  const silent = (): void => undefined;
  const log = { error: silent, warn: silent, info: silent, debug: silent, access: silent, flush: () => Promise.resolve() };
  const ledgerFile = join(folder, 'state', 'ledger.db');
  mkdirSync(dirname(ledgerFile), { recursive: true });
  const limits = { sizeBytes: 1e12, sizeByModule: {}, minFreeBytes: 0 };
  const store = openStore({ cacheDir: join(folder, 'cache'), ledgerFile, modules: ['plain', 'scattered', 'open'], log, ...limits });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const put = (...keys: string[]): Promise<void> =>
  withStore(async (store) => {
    for (const key of keys) {
      const body = randomBody();
      await store.commit(key, record(body, { module: key.slice(0, key.indexOf('|')) }), { buffer: body });
    }
  });
const held = (): Promise<string[]> => withStore(async (store) => (await store.keys('')).map(({ key }) => key));

describe('purge', () => {
  test('a document, its renderings (not counted), and files below a prefix, of every configured registry', async () => {
    const others = ['plain|registry|/ab', 'plain|registry|/b/-/a-1.tgz', 'open|registry|/a'];
    await put('plain|registry|/a', 'plain|registry|/a#full', 'plain|registry|/a/-/a-1.tgz', 'plain|more|/a', ...others);
    expect((await cli('purge', 'c=plain', 'p=a')).out).toBe('The plain cache forgot a (3 entries).');
    expect(await held()).toEqual([...others].sort());
    expect((await cli('purge', 'c=plain', 'p=a')).out).toBe('The plain cache holds nothing of a.');
  });

  test('files that no prefix is common to', async () => {
    const others = ['scattered|registry|/simple/ab/', 'scattered|registry|/packages/01/ab-1.whl', 'plain|registry|/packages/01/a-1.whl'];
    const own = ['/simple/a/', '/simple/a/#html', '/packages/01/a-1.whl', '/packages/23/a-2.whl', '/packages/23/a-2.whl.metadata'];
    await put(...own.map((target) => `scattered|registry|${target}`), 'scattered|gone|/x/a-3.whl', ...others);
    expect((await cli('purge', 'c=scattered', 'p=a')).out).toBe('The scattered cache forgot a (5 entries).');
    expect(await held()).toEqual([...others].sort());
  });

  test('of archives that only clients name', async () => {
    const others = ['open|h.test|/debian/pool/ab/ab_1.deb', 'open|h.test|/debian/dists/x/InRelease', 'plain|h.test|/debian/pool/a/a_1.deb'];
    await put('open|h.test|/debian/pool/a/a_1.deb', 'open|https~i.test:8443|/pool/a/a_2.deb', ...others);
    expect((await cli('purge', 'c=open', 'p=a')).out).toBe('The open cache forgot a (2 entries).');
    expect(await held()).toEqual([...others].sort());
    expect((await cli('purge', 'c=open', 'p=/debian/dists/')).out).toContain('(1 entry)');
  });

  test('also while the catalogue is being made anew', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `open|h.test|/debian/pool/a/a_${index}.deb`);
    await put(...keys);
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, 'cache', `catalogue-v1.db${suffix}`), { force: true });
    expect((await cli('purge', 'c=open', 'p=a')).out).toBe('The open cache forgot a (40 entries).');
  });
});

describe('reset-guard', () => {
  const verification = { state: 'good', keyId: 'A' } as const;

  test('an older list is accepted once more; other notes and caches keep theirs', async () => {
    const key = 'open|h.test|/debian/dists/x/InRelease';
    const [older, newer] = [1_000_000, 2_000_000].map((date) => ({ date, verification }));
    if (!older || !newer) throw new Error('unreachable');
    await withStore(async (store) => {
      for (const name of [guardNote(key), guardNote(`${key}2`), guardNote('plain|x'), 'asked|open|x'])
        await store.setNote(name, writeGuard(newer));
    });
    const verdict = async (): Promise<string> =>
      judgeRoster(readGuard(await withStore((store) => store.note(guardNote(key)))), older, true, Date.now());
    expect(await verdict()).toBe('refuse-older');
    expect(await cli('reset-guard', 'c=open')).toEqual({
      status: 0,
      out: 'The open cache forgot how new 2 lists had to be.',
      err: '',
    });
    expect(await verdict()).toBe('accept-and-move');
    expect((await withStore((store) => store.notes(''))).map(({ name }) => name)).toEqual(['asked|open|x', 'guard|plain|x']);
    expect((await cli('reset-guard', 'c=open')).out).toBe('The open cache has verified no list of an archive.');
  });

  test('works without a store, since the ledger outlives it', async () => {
    expect((await cli('reset-guard', 'c=open')).out).toContain('There is no ledger');
    await withStore((store) => store.setNote(guardNote('open|x'), '{}'));
    rmSync(join(folder, 'cache'), { recursive: true });
    expect((await cli('reset-guard')).out.split('\n')).toEqual([
      'The plain cache has verified no list of an archive.',
      'The scattered cache has verified no list of an archive.',
      'The open cache forgot how new 1 list had to be.',
    ]);
  });
});
