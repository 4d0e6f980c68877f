import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ledger } from '../catalogue/ledger';
import { takeAlone } from './batch';
import type { Job, Request } from './jobs';
import { record, randomBody, sri, StoreFixture } from './store-fixture';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(120_000);

let fixture: StoreFixture;
beforeEach(() => (fixture = new StoreFixture()));
afterEach(() => fixture.end());

describe('notes', () => {
  it('are written, replaced, listed by kind, dropped, and outlive the store', async () => {
    const store = fixture.store();
    const before = Date.now();
    expect(await store.note('guard|apt|a')).toBeUndefined();
    await store.setNote('guard|apt|a', 'one');
    await Promise.all([store.setNote('guard|apt|b%', ''), store.setNote('guard|apt|a', 'two'), store.setNote('asked|apt|a', 'x')]);
    expect(await store.note('guard|apt|a')).toBe('two');
    const notes = await store.notes('guard|apt|');
    expect(notes).toMatchObject([
      { name: 'guard|apt|a', value: 'two' },
      { name: 'guard|apt|b%', value: '' },
    ]);
    expect(notes.every(({ at }) => at >= before && at <= Date.now())).toBe(true);
    expect(await store.notes('guard|apt|b_')).toEqual([]);
    await store.dropNote('guard|apt|b%');
    await store.dropNote('guard|apt|absent');
    await fixture.closeAll();
    rmSync(fixture.cacheDir, { recursive: true });
    expect((await fixture.store().notes('')).map(({ name }) => name)).toEqual(['asked|apt|a', 'guard|apt|a']);
  });

  it('have a kind, and bounds', async () => {
    const store = fixture.store();
    for (const name of ['', 'guard', '|x', 'Guard|x', `guard|${'x'.repeat(4096)}`])
      await expect(store.setNote(name, '')).rejects.toThrow('no name of a note');
    await expect(store.setNote('guard|x', 'é'.repeat(32 * 1024 + 1))).rejects.toThrow('a note may have 65536 bytes');
    await store.setNote('guard|x', 'é'.repeat(32 * 1024));
    expect((await store.note('guard|x'))?.length).toBe(32 * 1024);
  });

  it('beyond 20,000 the oldest of the same kind go, and no other', () => {
    mkdirSync(dirname(fixture.ledgerFile), { recursive: true });
    const ledger = new Ledger(fixture.ledgerFile);
    ledger.setNotes([
      { name: 'guard|a', value: '', at: 1 },
      { name: 'guard|b', value: '', at: 2 },
    ]);
    ledger.setNotes(Array.from({ length: 20_500 }, (_, at) => ({ name: `asked|${at}`, value: '', at: at + 10 })));
    expect([ledger.note('guard|a'), ledger.note('asked|501'), ledger.note('asked|502')]).toEqual(['', undefined, '']);
    expect(ledger.notes('')).toHaveLength(20_000);
    // Replaced, not added: nothing goes.
    ledger.setNotes([{ name: 'asked|502', value: 'new', at: 99_999 }]);
    expect(ledger.notes('')).toHaveLength(20_000);
    ledger.setNotes([{ name: 'guard|c', value: '', at: 3 }]);
    expect(ledger.notes('guard|').map(({ name }) => name)).toEqual(['guard|b', 'guard|c']);
    // Also one that a clock gone back makes the oldest.
    ledger.setNotes([{ name: 'guard|d', value: '', at: 0 }]);
    expect(ledger.notes('guard|').map(({ name }) => name)).toEqual(['guard|c', 'guard|d']);
    ledger.close();
  });

  it('two processes write at once: nothing is lost', async () => {
    const run = (name: string): Promise<unknown> => {
      const orders = { cacheDir: fixture.cacheDir, ledgerFile: fixture.ledgerFile, name, rounds: 20, notes: 5, sizeBytes: 1e12 };
      const child = spawn(process.execPath, [join(__dirname, 'store-process.js'), JSON.stringify(orders)], { stdio: 'ignore' });
      return new Promise((resolve) => child.on('close', resolve));
    };
    const store = fixture.store();
    await store.setNote('common|0', 'before');
    expect(await Promise.all([run('one'), run('two')])).toEqual([0, 0]);
    for (const name of ['one', 'two']) expect(await store.notes(`own|${name}|`)).toHaveLength(100);
    const common = await store.notes('common|');
    expect(common).toHaveLength(5);
    for (const { value } of common) expect(value).toMatch(/^(one|two) 19$/);
  });

  it('a damaged ledger fails them, and leaves the catalogue alone', async () => {
    mkdirSync(dirname(fixture.ledgerFile), { recursive: true });
    writeFileSync(fixture.ledgerFile, 'not a database, and longer than a header: '.repeat(200));
    const store = fixture.store();
    const body = randomBody();
    await store.commit('npm|registry|/a', record(body), { buffer: body });
    await expect(store.setNote('guard|a', '')).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
    await expect(store.notes('')).rejects.toThrow();
    expect(fixture.events).not.toContain('catalogue-rebuilt');
    expect(await store.keys('npm|')).toHaveLength(1);
  });

  it('that are queued are written together, up to the next job that may ask for one of them', () => {
    const set = (name: string): Job => ({ op: 'setNote', name, value: '', at: 0 });
    const queue: Request[] = [
      { op: 'remove', keys: [] } as const,
      set('a|1'),
      set('a|2'),
      { op: 'uses', keys: [], now: 0 } as const,
      set('a|3'),
      { op: 'dropNote', name: 'a|4' } as const,
      set('a|4'),
    ].map((job, id) => ({ id, job }));
    expect(takeAlone(queue, 1).map(({ id }) => id)).toEqual([1, 2, 4]);
    expect(queue.map(({ id }) => id)).toEqual([0, 3, 5, 6]);
    expect(takeAlone(queue, 2).map(({ id }) => id)).toEqual([5]);
  });
});

describe('keys', () => {
  it('that begin with a prefix, in order, with what is held of each', async () => {
    const store = fixture.store();
    const bodies = ['/b', '/a%', '/a', '/ab'].map((path) => [path, randomBody()] as const);
    await Promise.all(
      bodies.map(([path, body]) => store.commit(`apt|h|${path}`, record(body, { module: 'apt', storedAt: 5 }), { buffer: body })),
    );
    expect((await store.keys('apt|h|')).map(({ key }) => key)).toEqual(['apt|h|/a', 'apt|h|/a%', 'apt|h|/ab', 'apt|h|/b']);
    const [, body = Buffer.alloc(0)] = bodies[1] ?? [];
    expect(await store.keys('apt|h|/a%')).toEqual([
      { key: 'apt|h|/a%', kind: 'file', integrity: sri(body), size: body.length, storedAt: 5 },
    ]);
    await store.remove(['apt|h|/ab']);
    expect(await store.keys('apt|h|/ab')).toEqual([]);
    expect(await store.keys('apt|other|')).toEqual([]);
    expect((await store.keys('apt|h|', 'apt|h|/a%')).map(({ key }) => key)).toEqual(['apt|h|/b']);
    expect(await store.keys('apt|h|', 'apt|h|/b')).toEqual([]);
  });

  it('are given as far as the catalogue has been made anew; all of them in the end', async () => {
    const first = fixture.store();
    const keys = Array.from({ length: 30 }, (_, index) => `npm|r|/${String(index).padStart(2, '0')}`);
    await Promise.all(
      keys.map((key) => {
        const body = randomBody();
        return first.commit(key, record(body), { buffer: body });
      }),
    );
    await fixture.closeAll();
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(fixture.cacheDir, `catalogue-v1.db${suffix}`), { force: true });
    const store = fixture.store();
    const body = randomBody();
    await store.commit('npm|r|/new', record(body), { buffer: body });
    const early = await store.keys('npm|r|');
    expect(early.map(({ key }) => key)).toContain('npm|r|/new');
    await store.gc();
    expect((await store.keys('npm|r|')).map(({ key }) => key)).toEqual([...keys, 'npm|r|/new']);
  });
});

describe('first digests', () => {
  it('are written, replaced, forgotten with a prefix, and outlive the store', async () => {
    const store = fixture.store();
    const seen = (key: string): Promise<string | undefined> => fixture.store().firstSeen(key);
    expect(await store.firstSeen('a|r|/x/1')).toBeUndefined();
    for (const [key, digest] of [
      ['a|r|/x/1', 'sha256-one'],
      ['a|r|/x/2', 'sha256-two'],
      ['a|r|/y', 'sha256-y'],
      ['a|r|/x/1', 'sha256-three'],
    ])
      await store.setFirstSeen(key ?? '', digest ?? '');
    await fixture.closeAll();
    rmSync(fixture.cacheDir, { recursive: true });
    expect([await seen('a|r|/x/1'), await seen('a|r|/x/2')]).toEqual(['sha256-three', 'sha256-two']);
    await fixture.store().removePrefix('a|r|/x/');
    expect([await seen('a|r|/x/1'), await seen('a|r|/x/2'), await seen('a|r|/y')]).toEqual([undefined, undefined, 'sha256-y']);
  });

  it('beyond the limit the oldest goes', () => {
    mkdirSync(dirname(fixture.ledgerFile), { recursive: true });
    const ledger = new Ledger(fixture.ledgerFile);
    for (let at = 1; at <= 4; at++) ledger.setFirstSeen(`key${at}`, `sha256-${at}`, at, 3);
    expect([ledger.firstSeen('key1'), ledger.firstSeen('key2'), ledger.firstSeen('key4')]).toEqual([undefined, 'sha256-2', 'sha256-4']);
    ledger.close();
  });
});
