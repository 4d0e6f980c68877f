import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { pack } from 'tar-stream';
import { git, gitTreeOf, isFolder, paxHeader, tarEntry, tarOf, type Folder, type Leaf } from '../../testing/tar-entries';
import { treesOf } from './trees-fixture';

jest.setTimeout(120_000);

const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const leaf = (body: string, kind: Leaf['kind'] = 'file'): Leaf => ({ kind, body: Buffer.from(body) });
const folder = (nodes: Readonly<Record<string, Leaf | Folder>>): Folder => new Map(Object.entries(nodes));

/** Git's repository, which it wants for mktree. */
let repository: string;
let before: string;
beforeAll(() => {
  before = process.cwd();
  repository = mkdtempSync(join(tmpdir(), 'trees-'));
  git(['init', '-q', repository]);
  process.chdir(repository);
});
afterAll(() => {
  process.chdir(before);
  rmSync(repository, { recursive: true, force: true });
});

/** Both hashes by git, the one with empty folders first; one if they are the same. */
function byGit(tree: Folder): string[] {
  return [...new Set([gitTreeOf(tree, false), gitTreeOf(tree, true)])];
}

async function expectTree(tar: Buffer, tree: Folder): Promise<void> {
  expect(await treesOf(gzipSync(tar))).toEqual(byGit(tree));
}

describe('the same hash as git’s', () => {
  it('files, executable ones, links; in the order of git, not of the archive', async () => {
    const tar = tarOf(
      { name: 'b', body: 'b' },
      { name: 'a.txt', body: 'dot sorts before slash' },
      { name: 'a/x', body: 'x', mode: 0o755 },
      { name: 'a0', body: 'zero sorts after slash' },
      { name: 'to', type: '2', link: '../else where' },
    );
    const a = folder({ x: leaf('x', 'executable') });
    await expectTree(
      tar,
      folder({
        a,
        b: leaf('b'),
        'a.txt': leaf('dot sorts before slash'),
        a0: leaf('zero sorts after slash'),
        to: leaf('../else where', 'link'),
      }),
    );
  });

  it('the owner’s permission alone makes a file executable, as it does for git', async () => {
    const modes = [0o100, 0o700, 0o755, 0o644, 0o011, 0o670, 0o4755];
    const tree = folder(Object.fromEntries(modes.map((mode) => [`m${mode}`, leaf('', (mode & 0o100) === 0 ? 'file' : 'executable')])));
    await expectTree(tarOf(...modes.map((mode) => ({ name: `m${mode}`, mode }))), tree);
  });

  it('empty folders counted and not counted', async () => {
    const tar = tarOf({ name: './', type: '5' }, { name: './e/', type: '5' }, { name: './n/m', type: '5' }, { name: './f', body: 'f' });
    const tree = folder({ e: folder({}), n: folder({ m: folder({}) }), f: leaf('f') });
    await expectTree(tar, tree);
    expect((await treesOf(gzipSync(tar))).length).toBe(2);
  });

  it('an archive of nothing but folders may be the empty tree', async () => {
    expect(await treesOf(gzipSync(tarOf({ name: 'd/', type: '5' })))).toContain(EMPTY_TREE);
    expect(await treesOf(gzipSync(tarOf({ name: './', type: '5' })))).toEqual([EMPTY_TREE]);
  });

  it('`./`, doubled and inner dot segments are nothing', async () => {
    const tree = folder({ a: folder({ b: folder({ c: leaf('c'), d: leaf('d') }) }) });
    await expectTree(tarOf({ name: './a//b/./c', body: 'c' }, { name: 'a/b/d', body: 'd' }), tree);
  });

  it('the last of several entries of one name counts, whatever it is', async () => {
    const tar = tarOf(
      { name: 'f', body: 'first' },
      { name: 'd/inside', body: 'is gone' },
      { name: 'g', body: 'becomes a folder' },
      { name: 'k/kept', body: 'kept' },
      { name: 'f', body: 'second', mode: 0o755 },
      { name: 'd', body: 'now a file' },
      { name: 'g/h', body: 'h' },
      { name: 'k/', type: '5' },
    );
    const tree = folder({
      f: leaf('second', 'executable'),
      d: leaf('now a file'),
      g: folder({ h: leaf('h') }),
      k: folder({ kept: leaf('kept') }),
    });
    await expectTree(tar, tree);
  });

  it('hard links are what the earlier entry is', async () => {
    const tar = tarOf(
      { name: 'd/a', body: 'same', mode: 0o755 },
      { name: 'l', type: '2', link: 'd/a' },
      { name: 'b', type: '1', link: './d/a', mode: 0o755 },
      { name: 'm', type: '1', link: 'l' },
    );
    const same = leaf('same', 'executable');
    await expectTree(tar, folder({ d: folder({ a: same }), b: same, l: leaf('d/a', 'link'), m: leaf('d/a', 'link') }));
  });

  it('names of bytes that are no text, and names in UTF-8, in either kind of header', async () => {
    const utf8 = Buffer.from('größe-日本-\u{1F600}').toString('latin1');
    const tar = tarOf({ name: '\xff\xfe', body: '1' }, { name: utf8, body: '2' }, paxHeader({ path: 'pax-größe', linkpath: 'ziel-ö' }), {
      name: 'short',
      type: '2',
      link: 'short',
    });
    const link = { kind: 'link', body: Buffer.from('ziel-ö') } as const;
    const tree: Folder = new Map<string, Leaf>([
      ['\xff\xfe', leaf('1')],
      [utf8, leaf('2')],
      [Buffer.from('pax-größe').toString('latin1'), link],
    ]);
    await expectTree(tar, tree);
  });

  it('a global header (git archive writes one) changes nothing, a size in an extended one does', async () => {
    const global = tarEntry({ name: 'pax_global_header', type: 'g', body: '52 comment=0123456789012345678901234567890123456789\n' });
    const tar = tarOf(global, paxHeader({ size: '5' }), { name: 'f', body: 'five!', size: `${'0'.repeat(11)}\0` });
    await expectTree(tar, folder({ f: leaf('five!') }));
  });

  it('empty files, and the borders of blocks', async () => {
    const sizes = [0, 1, 511, 512, 513, 1024, 100_000];
    const tree = folder(Object.fromEntries(sizes.map((size) => [`f${size}`, leaf('x'.repeat(size))])));
    await expectTree(tarOf(...sizes.map((size) => ({ name: `f${size}`, body: 'x'.repeat(size) }))), tree);
  });
});

describe('archives of GNU tar, hashed by git from the folder', () => {
  let home: string;
  const long = 'a-rather-long-name-of-a-folder-in-an-archive';
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'trees-tar-'));
    git(['init', '-q', home]);
    const deep = join(home, ...new Array<string>(6).fill(long));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, `${'n'.repeat(200)}.jl`), 'long');
    symlinkSync(`../${'t'.repeat(150)}`, join(deep, 'link'));
    writeFileSync(join(home, 'run'), '#!/bin/sh\n');
    chmodSync(join(home, 'run'), 0o755);
    writeFileSync(join(home, 'größe'), 'ü');
    git(['add', '-A'], undefined, home);
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it.each(['gnu', 'oldgnu', 'pax'])('format %s', async (format) => {
    const file = join(repository, `${format}.tar`);
    const args = [`--format=${format}`, '--exclude=.git', '-cf', file, '-C', home, '.'];
    expect(spawnSync('tar', args, { timeout: 30_000 }).status).toBe(0);
    expect(await treesOf(gzipSync(readFileSync(file)))).toEqual([git(['write-tree'], undefined, home)]);
  });

  it('git archive', async () => {
    const tree = git(['write-tree'], undefined, home);
    const { stdout } = spawnSync('git', ['archive', '--format=tar', tree], { cwd: home, timeout: 30_000, maxBuffer: 2 ** 26 });
    expect(await treesOf(gzipSync(stdout))).toEqual([tree]);
  });
});

describe('any tree in any order', () => {
  const name = fc.oneof(
    fc.constantFrom('a', 'b', 'a.b', 'a-b', 'a0', 'README', '日本', 'x'.repeat(120)),
    fc.string({ unit: fc.constantFrom('a', 'z', ' ', '-', '.', '0', '~', 'é', '\n', '"'), minLength: 1, maxLength: 5 }),
  );
  const goodName = name.filter((text) => text !== '.' && text !== '..');
  const file: fc.Arbitrary<Leaf> = fc.record({
    kind: fc.constantFrom('file' as const, 'executable' as const),
    body: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)),
  });
  const link: fc.Arbitrary<Leaf> = fc.record({ kind: fc.constant('link' as const), body: goodName.map((text) => Buffer.from(text)) });
  const { tree } = fc.letrec<{ tree: Folder }>((tie) => ({
    tree: fc
      .array(fc.tuple(goodName, fc.oneof({ depthSize: 'small' }, file, file, link, tie('tree'))), { maxLength: 5 })
      .map((found) => new Map(found)),
  }));

  /** Every entry of a tree: path and what it is. */
  function entriesOf(found: Folder, path = ''): [string, Leaf | Folder][] {
    return [...found].flatMap(([one, node]): [string, Leaf | Folder][] =>
      isFolder(node) ? [[`${path}${one}/`, node], ...entriesOf(node, `${path}${one}/`)] : [[path + one, node]],
    );
  }
  const asBytes = (found: Folder): Folder =>
    new Map([...found].map(([one, node]) => [Buffer.from(one).toString('latin1'), isFolder(node) ? asBytes(node) : node]));

  it('has git’s hashes', async () => {
    const shuffled = tree.chain((found) =>
      fc.tuple(fc.constant(found), fc.shuffledSubarray(entriesOf(found), { minLength: entriesOf(found).length })),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, async ([found, entries]) => {
        const archive = pack();
        const chunks: Buffer[] = [];
        archive.on('data', (chunk) => void chunks.push(chunk as Buffer));
        const ended = new Promise((resolve) => archive.on('end', () => resolve(undefined)));
        archive.entry({ name: './', type: 'directory' });
        for (const [path, node] of entries) {
          if (isFolder(node)) archive.entry({ name: path, type: 'directory' });
          else if (node.kind === 'link') archive.entry({ name: path, type: 'symlink', linkname: node.body.toString() });
          else archive.entry({ name: path, mode: node.kind === 'file' ? 0o644 : 0o755 }, node.body);
        }
        archive.finalize();
        await ended;
        expect(await treesOf(gzipSync(Buffer.concat(chunks)), 700)).toEqual(byGit(asBytes(found)));
      }),
      { numRuns: 40 },
    );
  });
});
