/** What happens to descriptors when an intent cannot be written: numbers are reused, so that closing one twice closes somebody else's. */
import { closeSync, fstatSync, mkdtempSync, mkdirSync, openSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Intent } from './intent';

const root = mkdtempSync(join(tmpdir(), 'intent-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.each(['abandoned', 'fulfilled'] as const)('a transaction whose intent cannot be opened, %s', (end) => {
  test('closes nothing that was opened since the one before it', () => {
    const intent = new Intent(join(root, end));
    intent.add(['npm|packument|/a'], []);
    intent[end]();
    const others = [openSync('/dev/null', 'r'), openSync('/dev/null', 'r')];
    // Nobody can make a file there, root neither.
    rmSync(intent.folder, { recursive: true });
    mkdirSync(dirname(intent.folder), { recursive: true });
    symlinkSync('/proc/self', intent.folder);

    expect(() => intent.add(['npm|packument|/b'], [])).toThrow();
    intent[end]();

    for (const other of others) expect(fstatSync(other).isCharacterDevice()).toBe(true);
    for (const other of others) closeSync(other);
  });
});

test('the next one after it is written', () => {
  const intent = new Intent(join(root, 'next'));
  mkdirSync(dirname(intent.folder), { recursive: true });
  symlinkSync('/proc/self', intent.folder);
  expect(() => intent.add(['npm|packument|/a'], [])).toThrow();
  intent.abandoned();
  rmSync(intent.folder);

  intent.add(['npm|packument|/b'], ['sha512-b']);
  expect(intent.leftovers()).toMatchObject([{ keys: ['npm|packument|/b'], contents: ['sha512-b'] }]);
  intent.fulfilled();
  expect(readdirSync(intent.folder)).toEqual([]);
});
