import cacache from 'cacache';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyChunk } from '../integrity/digest';
import { until } from '../testing/until';
import { bucketFile } from './bucket';
import type { LarderStore } from './store';
import { bytesOf, randomBody, record, sri, StoreFixture } from './store-fixture';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(60_000);

let fixture: StoreFixture;
let store: LarderStore;
beforeEach(() => {
  fixture = new StoreFixture();
  store = fixture.store();
});
afterEach(() => fixture.end());

async function put(key: string, body = randomBody(), facts = {}): Promise<Buffer> {
  await store.commit(key, record(body, facts), { buffer: body });
  return body;
}

/** Stops the store and lets cacache judge it. */
async function expectSound(entries: number): Promise<void> {
  await fixture.closeAll();
  const stats = await cacache.verify(fixture.cacheDir);
  expect(stats).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0, totalEntries: entries });
}

function contentFiles(): string[] {
  const folder = join(fixture.cacheDir, 'content-v2');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => file.name);
}

describe('commit and find', () => {
  it('keeps a buffer and a spool file, which is moved', async () => {
    const body = await put('npm|registry|/a', randomBody(), { etag: '"1"' });
    const spooled = join(fixture.folder, 'spooled');
    const big = randomBody(700_000);
    writeFileSync(spooled, big);
    const entry = await store.commit('npm|registry|/b', record(big), { file: spooled });
    expect(existsSync(spooled)).toBe(false);
    expect(await store.find('npm|registry|/b')).toEqual(entry);
    expect(bytesOf(store, entry)).toEqual(big);
    const found = await store.find('npm|registry|/a');
    expect(found).toMatchObject({ v: 1, key: 'npm|registry|/a', etag: '"1"', size: body.length });
    expect(found && bytesOf(store, found)).toEqual(body);
    expect(await store.find('npm|registry|/c')).toBeUndefined();
    await expectSound(2);
  });

  it('keeps an empty body', async () => {
    await put('npm|registry|/empty', Buffer.alloc(0));
    const entry = await store.find('npm|registry|/empty');
    expect(entry).toMatchObject({ size: 0, chunks: '' });
    expect(entry && bytesOf(store, entry)).toHaveLength(0);
    await expectSound(1);
  });

  it('keeps one copy of bytes that two keys share, until the last key goes', async () => {
    const body = await put('npm|registry|/a');
    await put('npm|registry|/b', body);
    expect(contentFiles()).toHaveLength(1);
    await put('npm|registry|/a');
    expect(contentFiles()).toHaveLength(2);
    await store.remove(['npm|registry|/b']);
    expect(contentFiles()).toHaveLength(1);
    await expectSound(1);
  });

  it('does not unlink bytes that another commit of the same transaction takes up', async () => {
    for (let round = 0; round < 20; round++) {
      const body = await put('npm|registry|/a');
      const next = randomBody();
      await Promise.all([
        store.commit('npm|registry|/a', record(next), { buffer: next }),
        store.commit(`npm|registry|/b${round}`, record(body), { buffer: body }),
      ]);
    }
    await expectSound(21);
  });

  it('leaves a reader of replaced bytes its descriptor', async () => {
    const body = await put('npm|registry|/a');
    const { openSync, readSync, closeSync } = await import('node:fs');
    const descriptor = openSync(store.contentPath(sri(body)), 'r');
    await put('npm|registry|/a');
    const read = Buffer.alloc(body.length);
    readSync(descriptor, read);
    closeSync(descriptor);
    expect(read).toEqual(body);
    expect(contentFiles()).toHaveLength(1);
  });

  it('refuses a body of another length, and says so to its caller only', async () => {
    const body = randomBody();
    const [bad, good] = await Promise.allSettled([
      store.commit('npm|registry|/bad', { ...record(body), size: 1 }, { buffer: body }),
      store.commit('npm|registry|/good', record(body), { buffer: body }),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'EBADSIZE' } });
    expect(good.status).toBe('fulfilled');
    expect(await store.find('npm|registry|/bad')).toBeUndefined();
  });

  it('compacts a bucket that is written often', async () => {
    const body = await put('npm|registry|/a');
    for (let count = 0; count < 60; count++) await store.amend('npm|registry|/a', sri(body), { checkedAt: count });
    expect((await store.find('npm|registry|/a'))?.checkedAt).toBe(59);
    const lines = readFileSync(bucketFile(fixture.cacheDir, 'npm|registry|/a'), 'utf8').trim().split('\n');
    expect(lines.length).toBeLessThan(12);
    await expectSound(1);
  });

  it('passes over a line torn by a crash', async () => {
    await put('npm|registry|/a');
    appendFileSync(bucketFile(fixture.cacheDir, 'npm|registry|/a'), '\nabc\t{"ke');
    expect(await store.find('npm|registry|/a')).toBeDefined();
    const body = await put('npm|registry|/a');
    expect((await store.find('npm|registry|/a'))?.integrity).toBe(sri(body));
  });
});

describe('amend and remove', () => {
  it('amends only the bytes that were meant', async () => {
    const body = await put('npm|registry|/a', randomBody(), { etag: '"1"' });
    expect(await store.amend('npm|registry|/a', sri(body), { stale: true })).toMatchObject({ stale: true, etag: '"1"' });
    expect(await store.find('npm|registry|/a')).toMatchObject({ stale: true });
    expect(await store.amend('npm|registry|/a', sri(randomBody()), { etag: '"2"' })).toBeUndefined();
    expect(await store.amend('npm|registry|/x', sri(body), { etag: '"2"' })).toBeUndefined();
  });

  it('removes keys and prefixes, and nothing else', async () => {
    for (const name of ['a', 'a/-/a-1.tgz', 'a/-/a-2.tgz', 'ab', 'ä']) await put(`npm|registry|/${name}`);
    expect(await store.remove(['npm|registry|/ab', 'npm|registry|/absent'])).toBe(1);
    expect(await store.removePrefix('npm|registry|/a/')).toBe(2);
    expect(await store.find('npm|registry|/a')).toBeDefined();
    expect(await store.counts('npm')).toMatchObject({ entries: 2, bytes: 4000 });
    await expectSound(2);
  });

  it('quarantines bad bytes for every key that refers to them', async () => {
    const body = await put('npm|registry|/a', randomBody(300_000));
    await put('npm|registry|/b', body);
    await put('npm|registry|/c');
    const file = store.contentPath(sri(body));
    const bad = Buffer.from(body);
    bad[299_999]! ^= 1;
    writeFileSync(file, bad);
    const entry = await store.find('npm|registry|/a');
    expect(verifyChunk(entry?.chunks ?? '', 0, readFileSync(file).subarray(0, 262144))).toBe(true);
    expect(verifyChunk(entry?.chunks ?? '', 1, readFileSync(file).subarray(262144))).toBe(false);
    await store.quarantine(sri(body));
    expect(await store.find('npm|registry|/a')).toBeUndefined();
    expect(await store.find('npm|registry|/b')).toBeUndefined();
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(join(fixture.cacheDir, 'quarantine'))).toHaveLength(1);
    await put('npm|registry|/a', body);
    const healed = await store.find('npm|registry|/a');
    expect(healed && bytesOf(store, healed)).toEqual(body);
    await expectSound(2);
  });
});

describe('changes', () => {
  it('tells this process exactly, before the promise resolves, and other processes by their epoch', async () => {
    const other = fixture.store();
    const seen: unknown[] = [];
    store.onChange((change) => seen.push(change));
    const body = await put('npm|registry|/a');
    expect(seen).toEqual([{ module: 'npm', keys: ['npm|registry|/a'] }]);
    expect(other.changed('npm')).toBe(false); // A new key replaces nothing.
    await put('npm|registry|/a');
    expect(seen).toHaveLength(2);
    expect(other.changed('npm')).toBe(true);
    expect(other.changed('npm')).toBe(false);
    expect(other.changed('pip')).toBe(false);
    expect(store.changed('npm')).toBe(false);
    await other.remove(['npm|registry|/a']);
    expect(store.changed('npm')).toBe(true);
    expect(store.changed('npm')).toBe(false);
    await put('npm|registry|/a', body);
    await store.amend('npm|registry|/a', sri(body), { checkedAt: 1 });
    expect(other.changed('npm')).toBe(false);
    await store.amend('npm|registry|/a', sri(body), { stale: true });
    expect(other.changed('npm')).toBe(true);
    await store.quarantine(sri(body));
    expect(other.changed('npm')).toBe(true);
  });

  it('never takes its own bumps for another process, however they interleave', async () => {
    let wrong = 0;
    let busy = true;
    const looking = (async (): Promise<void> => {
      while (busy) {
        for (let count = 0; count < 500; count++) if (store.changed('npm')) wrong++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let round = 0; round < 100; round++) await put('npm|registry|/a', randomBody(10));
    busy = false;
    await looking;
    expect(wrong).toBe(0);
  });
});

describe('limits', () => {
  it('evicts derived entries first, then the least recently used, to the low-water mark', async () => {
    const small = fixture.store({ sizeBytes: 100_000 });
    const commit = async (key: string, facts = {}): Promise<void> => {
      const body = randomBody(10_000);
      await small.commit(key, record(body, facts), { buffer: body });
    };
    await commit('npm|registry|/used');
    await commit('npm|registry|/old');
    for (let count = 0; count < 7; count++) await commit(`npm|registry|/${count}`);
    await commit('npm|registry|/derived', { kind: 'derived' });
    small.used('npm|registry|/used');
    await small.gc(); // Writes the uses.
    expect((await small.counts('npm')).entries).toBe(10);
    await commit('npm|registry|/more');
    await commit('npm|registry|/most');
    await small.gc();
    expect((await small.counts('npm')).bytes).toBeLessThanOrEqual(100_000);
    expect(await small.find('npm|registry|/derived')).toBeUndefined();
    expect(await small.find('npm|registry|/old')).toBeUndefined();
    expect(await small.find('npm|registry|/used')).toBeDefined();
    expect(await small.find('npm|registry|/most')).toBeDefined();
    await expectSound((await small.counts('npm')).entries);
  });

  it('never evicts what notes of the kind kept list, by the beginnings of its keys, although it was used longest ago', async () => {
    const small = fixture.store({ sizeBytes: 50_000 });
    const commit = async (key: string): Promise<void> => {
      const body = randomBody(10_000);
      await small.commit(key, record(body), { buffer: body });
    };
    await small.setNote('kept|one', JSON.stringify(['npm|registry|/list', 'npm|registry|/new']));
    await small.setNote('kept|two', JSON.stringify(['npm|registry|/old']));
    for (const key of ['/old', '/new', '/new+zstd', '/list']) await commit(`npm|registry|${key}`);
    for (let count = 0; count < 20; count++) await commit(`npm|registry|/${count}`);
    await small.gc();
    expect((await small.counts('npm')).bytes).toBeLessThanOrEqual(50_000);
    for (const key of ['/old', '/new', '/new+zstd', '/list']) expect(await small.find(`npm|registry|${key}`)).toBeDefined();
    await small.dropNote('kept|two');
    for (let count = 20; count < 40; count++) await commit(`npm|registry|/${count}`);
    await small.gc();
    expect(await small.find('npm|registry|/old')).toBeUndefined();
    expect(await small.find('npm|registry|/new')).toBeDefined();
  });

  it('keeps the limit of one module without touching another', async () => {
    const small = fixture.store({ sizeByModule: { pip: 20_000 } });
    for (let count = 0; count < 5; count++) {
      const body = randomBody(10_000);
      await small.commit(`pip|index|/${count}`, record(body, { module: 'pip' }), { buffer: body });
      await small.commit(`npm|registry|/${count}`, record(body), { buffer: body });
    }
    await small.gc();
    // One, if eviction came last; two, if a commit came after the last eviction and just reaches the limit.
    const held = await small.counts('pip');
    expect(held.bytes).toBeLessThanOrEqual(20_000);
    expect(held.entries).toBeGreaterThanOrEqual(1);
    expect((await small.counts('npm')).entries).toBe(5);
    await expectSound(held.entries + 5);
  });

  it('keeps the limit of one origin without touching another of its module', async () => {
    const small = fixture.store({ sizeByPrefix: { 'http|nightlies|': 20_000 } });
    for (let count = 0; count < 5; count++) {
      for (const origin of ['nightlies', 'releases']) {
        const body = randomBody(10_000);
        await small.commit(`http|${origin}|/${count}`, record(body, { module: 'http' }), { buffer: body });
      }
    }
    await small.gc();
    const left = async (origin: string): Promise<number> => (await small.keys(`http|${origin}|`)).length;
    expect([1, 2]).toContain(await left('nightlies'));
    expect(await left('releases')).toBe(5);
  });

  it('makes room below the limit of an origin once, not again with what comes next', async () => {
    const small = fixture.store({ sizeByPrefix: { 'http|nightlies|': 20_000 } });
    const hold = async (target: string): Promise<void> => {
      const body = randomBody(10_000);
      await small.commit(`http|${target}`, record(body, { module: 'http' }), { buffer: body });
    };
    for (const count of [1, 2, 3]) await hold(`nightlies|/${count}`);
    await small.gc();
    expect(await small.keys('http|nightlies|')).toHaveLength(1);
    await hold('releases|/1');
    await small.gc();
    expect(await small.keys('http|nightlies|')).toHaveLength(1);
  });

  it('stores nothing new below the reserve, and does not empty the cache for it', async () => {
    await put('npm|registry|/a');
    const poor = fixture.store({ minFreeBytes: 1e18 });
    poor.notStoring();
    while (!poor.notStoring()) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(poor.notStoring()).toMatchObject({ reason: 'disk' });
    await poor.gc();
    expect(await poor.find('npm|registry|/a')).toBeDefined();
    expect(store.notStoring()).toBeUndefined();
  });

  it('says so if its folder cannot be used', async () => {
    writeFileSync(join(fixture.folder, 'file'), '');
    const lost = fixture.store({ cacheDir: join(fixture.folder, 'file', 'cache') });
    const body = randomBody();
    await expect(lost.commit('npm|registry|/a', record(body), { buffer: body })).rejects.toThrow();
    expect(lost.notStoring()).toMatchObject({ reason: 'error' });
    expect(await lost.find('npm|registry|/a')).toBeUndefined();
    expect(lost.changed('npm')).toBe(false);
  });
});

describe('the catalogue', () => {
  const database = (): string => {
    const name = readdirSync(fixture.cacheDir).find((file) => /^catalogue.*\.db$/.test(file)) ?? '';
    return join(fixture.cacheDir, name);
  };

  async function fill(): Promise<void> {
    for (let count = 0; count < 30; count++) await put(`npm|registry|/${count}`);
  }

  it.each(['stopped', 'running'])('is built again when it was deleted (%s store)', async (state) => {
    await fill();
    if (state === 'stopped') await fixture.closeAll();
    const file = database();
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    if (state === 'stopped') store = fixture.store();
    await put('npm|registry|/new');
    expect(existsSync(file)).toBe(true); // Not the deleted file, which another process would not see: two locks.
    expect(await store.counts('npm')).toMatchObject({ entries: 31, bytes: 62_000 });
    expect(await store.removePrefix('npm|registry|/1')).toBe(11);
    await expectSound(20);
  });

  it('is built again when it is damaged', async () => {
    await fill();
    await fixture.closeAll();
    writeFileSync(database(), Buffer.alloc(100_000, 7));
    store = fixture.store();
    expect(await store.counts('npm')).toMatchObject({ entries: 30 });
    await put('npm|registry|/0');
    await expectSound(30);
  });

  it('is compared in a copy of the store, although the first transaction there fails', async () => {
    await fill();
    await fixture.closeAll();
    const copy = join(fixture.folder, 'copy');
    cpSync(fixture.cacheDir, copy, { recursive: true });
    const orphan = join(copy, 'content-v2', 'sha512', 'aa', 'bb', 'cc');
    mkdirSync(join(orphan, '..'), { recursive: true });
    writeFileSync(orphan, 'orphan');
    // In the way of what every transaction does first.
    const obstacle = join(copy, 'spool', 'committing', 'body');
    mkdirSync(obstacle, { recursive: true });
    store = fixture.store({ cacheDir: copy });
    await expect(put('npm|registry|/new')).rejects.toThrow();
    rmSync(obstacle, { recursive: true });
    await put('npm|registry|/new');
    await until('what nothing refers to is gone', () => !existsSync(orphan));
    expect(await store.counts('npm')).toMatchObject({ entries: 31 });
  });

  it('drops lines without bytes and bytes without lines on gc', async () => {
    await fill();
    const gone = await store.find('npm|registry|/3');
    rmSync(store.contentPath(gone?.integrity ?? ''));
    const orphan = store.contentPath(sri(randomBody()));
    mkdirSync(join(orphan, '..'), { recursive: true });
    writeFileSync(orphan, 'orphan');
    await store.gc();
    expect(await store.find('npm|registry|/3')).toBeUndefined();
    expect(existsSync(orphan)).toBe(false);
    expect(await store.counts('npm')).toMatchObject({ entries: 29 });
    await expectSound(29);
  });

  it('keeps and counts entries of another version, serves none, and evicts them like others', async () => {
    const body = await put('npm|registry|/a');
    await fixture.closeAll();
    await cacache.index.insert(fixture.cacheDir, 'npm|registry|/a', sri(body), { size: body.length, metadata: { v: 99 } });
    store = fixture.store();
    await store.gc();
    expect(await store.find('npm|registry|/a')).toBeUndefined();
    expect(await store.counts('npm')).toMatchObject({ entries: 1 });
    const small = fixture.store({ sizeBytes: 100 });
    expect(await small.gc()).toEqual({ removed: 1, bytes: body.length });
    await expectSound(0);
  });

  it('keeps counters and survives its own loss of the store', async () => {
    await store.addCounters('npm', { hit: 2, miss: 1 });
    await store.addCounters('npm', { hit: 3 });
    await fixture.closeAll();
    rmSync(fixture.cacheDir, { recursive: true, force: true });
    expect(await fixture.store().counters()).toEqual({ npm: { hit: 5, miss: 1 } });
    expect(statSync(fixture.ledgerFile).size).toBeGreaterThan(0);
  });
});
