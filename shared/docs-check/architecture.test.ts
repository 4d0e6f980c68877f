import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SETTING_NAMES } from '../config/settings';
import { ROOT } from '../config/sources';
import { treeProblems } from './tree';

const document = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');

test('the tree in docs/architecture.md is the repository', () => {
  expect(treeProblems(document, ROOT)).toEqual([]);
});

const adrs = readdirSync(join(ROOT, 'docs/adr')).map((name) => `docs/adr/${name}`);

describe.each(['docs/architecture.md', 'SECURITY.md', 'docs/adding-an-ecosystem.md', ...adrs])('%s', (name) => {
  const text = readFileSync(join(ROOT, name), 'utf8');

  test('names only paths that exist', () => {
    expect(missingPaths(text)).toEqual([]);
  });

  test('names only settings that exist', () => {
    expect(unknownSettings(text)).toEqual([]);
  });
});

test('a path and a setting that do not exist are noticed', () => {
  expect(missingPaths('see `shared/http/hot.ts` and `shared/http/cold.ts`')).toEqual(['shared/http/cold.ts']);
  expect(unknownSettings('`MIN_FREE`, `TTL_<c>`, `CHANGED_<c>=follow`, `NAME_FILE`, `MAX_FREE`')).toEqual(['MAX_FREE']);
});

test.each(adrs)('%s has its number, its sections and at most 40 lines', (name) => {
  const lines = readFileSync(join(ROOT, name), 'utf8').split('\n');
  expect(lines[0]).toMatch(new RegExp(`^# ${Number(/adr\/(\d{4})-/.exec(name)?.[1])}\\. `));
  expect(lines.filter((line) => /^(?:## |Status: )/.test(line))).toEqual([
    expect.stringMatching(/^Status: (?:accepted|superseded by \d+)$/),
    ...['Context', 'Decision', 'Consequences', 'Contrary evidence'].map((title) => `## ${title}`),
  ]);
  expect(lines.length).toBeLessThanOrEqual(40);
});

describe('a tree that is not the repository', () => {
  let root: string;
  const tree = (...lines: string[]): string => ['text', '```tree', ...lines, '```', ''].join('\n');
  const good = [
    '.gitignore   what git leaves',
    'README.md    start here',
    'caches/      what',
    '  a/         one: a.ts',
    'shared/      how',
    '  main.ts    the start',
  ];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'larder-tree-'));
    for (const folder of ['caches/a', 'shared', 'dist', 'empty']) mkdirSync(join(root, folder), { recursive: true });
    for (const file of ['README.md', 'caches/a/a.ts', 'caches/a/b.ts', 'shared/main.ts', 'dist/x.js']) writeFileSync(join(root, file), '');
    writeFileSync(join(root, '.gitignore'), 'dist/\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('a right one has no problems', () => {
    expect(treeProblems(tree(...good), root)).toEqual([]);
  });

  test.each<[string, () => string, string]>([
    ['an entry too many', () => tree(...good, '  gone.ts    no more'), 'shared/gone.ts does not exist'],
    [
      'a file instead of a folder',
      () => tree(...good.map((line) => line.replace('  a/ ', '  a  '))),
      'caches/a is a folder: write caches/a/',
    ],
    ['a missing top-level file', () => tree(...good.filter((line) => !line.startsWith('README'))), 'README.md is missing from the tree'],
    ['a missing file of shared', () => tree(...good.slice(0, -1)), 'shared/main.ts is missing from the tree'],
    ['a missing folder', () => tree(...good.filter((line) => !line.startsWith('  a/'))), 'caches/a/ is missing from the tree'],
    ['a clause that names no file', () => tree(...good.map((line) => line.replace('a.ts', 'c.ts'))), 'caches/a/c.ts does not exist'],
    ['no clause', () => tree(...good.map((line) => line.replace('the start', '').trimEnd())), 'not a line of the tree: "  main.ts"'],
    ['no tree', () => 'nothing', 'there is no ```tree'],
  ])('%s', (_title, text, problem) => {
    expect(treeProblems(text(), root)).toContain(problem);
  });
});

/** Paths in backquotes that begin with a folder of ours and do not exist. */
function missingPaths(text: string): string[] {
  const paths = [...text.matchAll(/`((?:caches|shared|docs)\/[\w./-]+)`/g)].map(([, path]) => path ?? '');
  return paths.filter((path) => !existsSync(join(ROOT, path)));
}

/** What looks like a setting in backquotes, perhaps with a value, and is none. NAME_FILE stands for all of that form. */
function unknownSettings(text: string): string[] {
  const known = new Set<string>([...SETTING_NAMES, 'NAME_FILE']);
  const names = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+|_<\w+>)+)(?=[`=])/g)].map(([, name]) => name ?? '');
  // Of a setting with a cache in capitals, `<C>_HOSTS`, documents name that of one cache.
  return names.filter((name) => !known.has(name) && !known.has(name.replace(/^[A-Z]+(?=_)/, '<C>')));
}
