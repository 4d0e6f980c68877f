import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Catalogue, isCorrupt, type Row } from './catalogue';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(60_000);

let folder: string;
let catalogue: Catalogue;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'catalogue-'));
  catalogue = new Catalogue(folder);
  catalogue.begin();
});
afterEach(() => {
  catalogue.close();
  rmSync(folder, { recursive: true });
});

function row(key: string, facts: Partial<Row> = {}): Row {
  return { key, module: 'npm', kind: 'file', integrity: `sha512-${key}`, size: 10, lastUse: 1, storedAt: 1, ...facts };
}

it('asks for one build when it is new, and for none when it is opened again', () => {
  expect(catalogue.meta('rebuild')).toContain('"fresh":true');
  catalogue.setMeta('rebuild', undefined);
  catalogue.commit();
  catalogue.close();
  catalogue.begin();
  expect(catalogue.meta('rebuild')).toBeUndefined();
});

it('keeps totals through adding, resizing, repeating and removing', () => {
  catalogue.put(row('npm|a'));
  catalogue.put(row('npm|b', { size: 5 }));
  catalogue.put(row('npm|a', { size: 30 }));
  catalogue.put(row('npm|a', { size: 30 }));
  expect(catalogue.totals()).toMatchObject([{ module: 'npm', entries: 2, bytes: 35 }]);
  expect([catalogue.delete('npm|b'), catalogue.delete('npm|b')]).toEqual([true, false]);
  expect(catalogue.totals()).toMatchObject([{ module: 'npm', entries: 1, bytes: 30 }]);
});

it('finds keys by prefix, literally', () => {
  for (const key of ['npm|a', 'npm|a%', 'npm|a%b', 'npm|ab', 'npm|a\u{1F600}', 'npm|b']) catalogue.put(row(key));
  expect(catalogue.keysWithPrefix('npm|a%').sort()).toEqual(['npm|a%', 'npm|a%b']);
  expect(catalogue.keysWithPrefix('npm|a')).toHaveLength(5);
});

it('orders eviction: derived first, then by last use; of one module if asked', () => {
  catalogue.put(row('npm|new', { lastUse: 9 }));
  catalogue.put(row('npm|old', { lastUse: 2 }));
  catalogue.put(row('npm|derived', { kind: 'derived', lastUse: 99 }));
  catalogue.put(row('pip|older', { module: 'pip', lastUse: 1 }));
  catalogue.touch(['npm|old', 'npm|absent'], 5);
  catalogue.touch(['npm|new'], 3); // An earlier use, written late, changes nothing.
  expect(catalogue.leastUsed(9).map(({ key }) => key)).toEqual(['npm|derived', 'pip|older', 'npm|old', 'npm|new']);
  expect(catalogue.leastUsed(9, 'npm').map(({ key }) => key)).toEqual(['npm|derived', 'npm|old', 'npm|new']);
});

it('forgets what a rebuild did not meet', () => {
  catalogue.put(row('npm|met'));
  catalogue.put(row('npm|gone'));
  catalogue.setMeta('generation', '2');
  catalogue.put(row('npm|met'));
  expect(catalogue.deleteUnseen()).toBe(1);
  expect(catalogue.heldAmong(['npm|gone', 'npm|met'])).toEqual(['npm|met']);
});

it('opens another file when its own was deleted or replaced, and keeps the pins of one that was not', () => {
  catalogue.setPins('npm|a', 'r1', Buffer.from('x'));
  catalogue.commit();
  catalogue.begin();
  expect(catalogue.pinsOf('npm|a')).toMatchObject({ revision: 'r1' });
  catalogue.commit();
  for (const suffix of ['', '-wal', '-shm']) rmSync(catalogue.file + suffix, { force: true });
  catalogue.begin();
  expect(catalogue.pinsOf('npm|a')).toBeUndefined();
});

it('makes a damaged file anew', () => {
  catalogue.commit();
  catalogue.close();
  writeFileSync(catalogue.file, 'not a database, and longer than a header: '.repeat(200));
  catalogue.begin();
  expect(catalogue.totals()).toEqual([]);
  expect(isCorrupt(Object.assign(new Error('x'), { code: 'SQLITE_CORRUPT' }))).toBe(true);
  expect(isCorrupt(Object.assign(new Error('x'), { code: 'SQLITE_BUSY' }))).toBe(false);
});
