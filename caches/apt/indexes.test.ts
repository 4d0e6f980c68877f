import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import { matchRoute, type ImmutableRoute, type ListedIndex, type Params } from '../module';
import { apt } from './apt';
import { canonicalName } from './canonical';
import { indexOf } from './promises';

const sources = join(__dirname, '../../../caches/apt');
const fixture = (name: string): Buffer => readFileSync(join(sources, 'fixtures', name));
const MIB = 1024 * 1024;
const digest = (digit: string): string => digit.repeat(64 / digit.length);

async function* pieces(body: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += length) yield await Promise.resolve(body.subarray(at, at + length));
}

function index(name: string): ListedIndex {
  const found = indexOf(name);
  if (!found) throw new Error(`${name} promises nothing`);
  return found;
}

function file(target: string): { route: ImmutableRoute; params: Params } {
  const found = matchRoute(apt, 'GET', target);
  if (!found.route || found.route.kind !== 'immutable') throw new Error(`${target} is no file`);
  return { route: found.route, params: found.params };
}

/** What an index promises: target, hex digest, size. */
async function promised(name: string, chunks: AsyncIterable<Buffer> | Buffer | string, root = '/d'): Promise<[string, string, number][]> {
  const found: [string, string, number][] = [];
  const body = typeof chunks === 'string' ? Buffer.from(chunks) : chunks;
  const add = (target: string, sha256: Buffer, size: number): void => void found.push([target, sha256.toString('hex'), size]);
  await index(name).read(Buffer.isBuffer(body) ? pieces(body, 65_536) : body, root, add);
  return found;
}

const stanza = (name: string, more = ''): string => `Filename: ${name}\nSize: 1\nSHA256: ${digest('1')}\n${more}`;
const PACKAGES = [
  ['/d/pool/main/b/base/base_2.0-1_amd64.deb', digest('1'), 1024],
  ['/d/pool/main/libp/libplus++/libplus++_12~rc1+b2_all.deb', digest('ab'), 20],
  ['/d/pool/main/s/small/small_1_amd64.udeb', digest('2'), 7],
];

test.each([1, 7, 65_536])('Packages: what has a SHA-256 is promised, in pieces of %d bytes', async (length) => {
  expect(await promised('Packages', pieces(fixture('Packages'), length))).toEqual(PACKAGES);
});

test('carriage returns, comments, missing ends and many empty lines mean nothing', async () => {
  const text = fixture('Packages').toString();
  expect(await promised('Packages', `\n\n# comment\n${text.replaceAll('\n', '\r\n')}\r\n\r\n`)).toEqual(PACKAGES);
  expect(await promised('Packages', text.trimEnd())).toEqual(PACKAGES);
  expect(await promised('Packages', '')).toEqual([]);
});

test('Sources: every file of a source package, in its directory', async () => {
  expect(await promised('main/source/Sources', fixture('Sources'))).toEqual([
    ['/d/pool/main/b/base/base_2.0-1.dsc', digest('1'), 100],
    ['/d/pool/main/b/base/base_2.0.orig.tar.xz', digest('2'), 2000],
    ['/d/pool/main/b/base/base_2.0-1.debian.tar.xz', digest('3'), 300],
    ['/d/flat_1.dsc', digest('ab'), 1],
  ]);
});

test('Index: the patches as they are downloaded', async () => {
  expect(await promised('Packages.diff/Index', fixture('Index'), '/d/Packages.diff')).toEqual([
    ['/d/Packages.diff/T-2-F-1.gz', digest('ab'), 60],
  ]);
});

test('every promise is the path of a file route, and that route looks for it in an index of this kind', async () => {
  const tables: [string, string, string][] = [
    ['Packages', 'main/binary-amd64/Packages', '/d'],
    ['Sources', 'main/source/Sources', '/d'],
    ['Index', 'main/binary-amd64/Packages.diff/Index', '/d/dists/x/main/binary-amd64/Packages.diff'],
  ];
  for (const [from, name, root] of tables) {
    for (const [target] of await promised(name, fixture(from), root)) {
      const { route, params } = file(target);
      expect(route.path(params)).toBe(target);
      const names = route.listedIn?.(params).names ?? [];
      // A udeb is in another index of its suite, and a flat repository has its own.
      const expected =
        { '/d/flat_1.dsc': 'Sources' }[target] ?? name.replace('main/b', target.endsWith('.udeb') ? 'main/debian-installer/b' : 'main/b');
      expect([target, names]).toEqual([target, expect.arrayContaining([expected])]);
    }
  }
});

test("a flat repository's names may begin at any folder that they have in front", async () => {
  const index = (name: string): string => `Package: x\nFilename: ${name}\nSize: 1\nSHA256: ${'ab'.repeat(32)}\n\n`;
  const paths = async (name: string, root: string): Promise<string[]> =>
    (await promised('Packages', Buffer.from(index(name)), root)).map(([target]) => target);
  expect(await paths('sub/x_1_all.deb', '/repo/sub')).toEqual(['/repo/sub/sub/x_1_all.deb', '/repo/sub/x_1_all.deb']);
  expect(await paths('sub/deeper/x_1_all.deb', '/repo/sub/deeper')).toEqual([
    '/repo/sub/deeper/sub/deeper/x_1_all.deb',
    '/repo/sub/deeper/x_1_all.deb',
  ]);
  expect(await paths('./x_1_all.deb', '/repo/sub')).toEqual(['/repo/sub/x_1_all.deb']);
  expect(await paths('repo/x_1_all.deb', '/repo')).toEqual(['/repo/repo/x_1_all.deb', '/repo/x_1_all.deb']);
  expect(await paths('x_1_all.deb', '')).toEqual(['/x_1_all.deb']);
});

test('a name in an index and the same name as apt asks for it are one key', () => {
  const characters = fc.constantFrom('a', '1', '+', '~', ':', '%', ' ', '.', '-', '_', '@', '{', '\u00e9', '=', '&', '?', '#');
  const name = fc.array(characters, { minLength: 1, maxLength: 8 }).map((all) => `pool/x${all.join('')}_1_all.deb`);
  fc.assert(
    fc.property(name, (written) => {
      const bytes = Buffer.from(written).toString('latin1');
      // As apt's QuoteString does it: bytes that are not printable ASCII, and `+~ %` besides what ends a path.
      const asked = bytes.replace(/[^!-}]|[+%?#{}[\]^`"<>|]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
      const { route, params } = file(`/d/${asked}`);
      expect([asked, route.path(params)]).toEqual([asked, `/d/${canonicalName(bytes)}`]);
    }),
  );
});

test.each<[string, string[]]>([
  ['../../etc/passwd', []],
  ['pool/../../x.deb', []],
  ['pool/%2e%2e/x.deb', ['/d/pool/%252e%252e/x.deb']],
  ['/etc/x.deb', ['/d/etc/x.deb']],
  ['//other.example/x.deb', ['/d/other.example/x.deb']],
  ['http://other.example/x.deb', ['/d/http:/other.example/x.deb']],
  ['pool\\..\\x.deb', []],
  ['pool/\x01x.deb', []],
  ['./././x.deb', ['/d/x.deb']],
  ['.', []],
  ['', []],
  ['x y?z#%.deb', ['/d/x%20y%3Fz%23%25.deb']],
  ['pool/\u00e9.deb', ['/d/pool/%C3%A9.deb']],
  ['d/x.deb', ['/d/d/x.deb', '/d/x.deb']],
])('Filename %j', async (name, targets) => {
  expect((await promised('Packages', stanza(name))).map(([target]) => target)).toEqual(targets);
});

test.each([
  ['a second Filename', stanza('a_1_all.deb', 'Filename: b_1_all.deb\n')],
  ['a continued Filename', stanza('a_1_all.deb').replace('.deb\n', '.deb\n b_1_all.deb\n')],
  ['a second digest', stanza('a_1_all.deb', `SHA256: ${digest('2')}\n`)],
  ['a digest that is cut off', stanza('a_1_all.deb').slice(0, -2)],
  ['a digest that is none', stanza('a_1_all.deb').replace('1111', '11g1')],
  ['no size', stanza('a_1_all.deb').replace('Size: 1\n', '')],
  ['a size that is none', stanza('a_1_all.deb').replace('Size: 1', 'Size: -1')],
  ['a size beyond counting', stanza('a_1_all.deb').replace('Size: 1', `Size: ${'9'.repeat(16)}`)],
])('%s promises nothing, and the next stanza is read', async (_what, text) => {
  expect(await promised('Packages', `${text}\n\n${stanza('next_1_all.deb')}`)).toEqual([['/d/next_1_all.deb', digest('1'), 1]]);
});

test.each([
  `${digest('1')} 1 a/b.dsc`,
  `${digest('1')} 1 ../b.dsc`,
  `${digest('1')} 1`,
  `${digest('1')} x b.dsc`,
  `${digest('1')} 1 b.dsc more`,
  `abc 1 b.dsc`,
])('a bad line of a list promises nothing: %s', async (line) => {
  expect(await promised('Sources', `Directory: x\nChecksums-Sha256:\n ${line}\n`)).toEqual([]);
  expect(await promised('Packages.diff/Index', `SHA256-Download:\n ${line}\n`)).toEqual([]);
});

test('a name that an index has twice is promised twice, in order', async () => {
  const text = `${stanza('a_1_all.deb')}\n${stanza('a_1_all.deb').replaceAll('1'.repeat(64), digest('2'))}`;
  expect((await promised('Packages', text)).map(([, sha256]) => sha256)).toEqual([digest('1'), digest('2')]);
});

test.each([
  ['<html>\n<body>404</body>', 'it has a line without a field name'],
  ['Package', 'it has a line without a field name'],
  [': x', 'it has a line without a field name'],
  ['Pack age: x', 'it has a line without a field name'],
  ['Pack\u00e9: x', 'it has a line without a field name'],
  [' continued', 'it has a continuation of nothing'],
  ['Package: x\n\n continued', 'it has a continuation of nothing'],
  [`X: ${'x'.repeat(MIB)}\n`, 'it has a line over 1 MiB'],
  [`X: y\n${` ${'x'.repeat(1000)}\n`.repeat(5000)}`, 'it has a stanza over 4 MiB'],
])('%.40j is no index: %s', async (text, reason) => {
  await expect(promised('Packages', text)).rejects.toMatchObject({ code: 'document-invalid', reason });
});

test.each([
  ['in small pieces', 100],
  ['in large ones', 3 * MIB],
])('a line of 2 GB %s ends at 1 MiB', async (_how, length) => {
  let sent = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    const piece = Buffer.alloc(length, 'x');
    yield Buffer.from('Description: ');
    for (; sent < 2 ** 31; sent += length) yield await Promise.resolve(piece);
  }
  await expect(promised('Packages', endless())).rejects.toMatchObject({ reason: 'it has a line over 1 MiB' });
  expect(sent).toBeLessThanOrEqual(MIB + length);
});

test('the errors of what delivers the bytes come through', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield await Promise.resolve(fixture('Packages').subarray(0, 100));
    throw new Error('cut');
  }
  await expect(promised('Packages', broken())).rejects.toThrow('cut');
});

test('whatever becomes of the bytes, there are promises below the root or the document error', async () => {
  const names = ['Packages', 'Sources', 'Packages.diff/Index'];
  const bodies = [fixture('Packages'), fixture('Sources'), fixture('Index')];
  const piece = fc.oneof(fc.constantFrom('\n', '\n\n', ' ', ':', '../', '/', '\0', '\xff', 'Filename: ', '\r', '#'), fc.string());
  await fc.assert(
    fc.asyncProperty(
      fc.nat(2),
      fc.nat(1200),
      fc.nat(40),
      piece,
      fc.integer({ min: 1, max: 100 }),
      async (which, at, gone, text, length) => {
        const body = bodies[which] as Buffer;
        const mutated = Buffer.concat([body.subarray(0, at), Buffer.from(text, 'latin1'), body.subarray(at + gone)]);
        try {
          for (const [target, sha256] of await promised(names[which] as string, pieces(mutated, length), '/root')) {
            expect(target).toMatch(/^\/root\/[^/]/);
            expect(target).not.toMatch(/\/\.{0,2}(?:\/|$)/);
            expect(sha256).toMatch(/^[0-9a-f]{64}$/);
          }
        } catch (error) {
          if (!types.isNativeError(error) || (error as NodeJS.ErrnoException).code !== 'document-invalid') throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});

test.each([
  ['main/binary-amd64/Packages.xz', 'main/binary-amd64/Packages', 'xz', '/d'],
  ['main/binary-amd64/Packages', 'main/binary-amd64/Packages', 'none', '/d'],
  ['Sources.gz', 'Sources', 'gzip', '/d'],
  ['main/source/Sources.bz2', 'main/source/Sources', 'bzip2', '/d'],
  ['Packages.zst', 'Packages', 'zstd', '/d'],
  ['Packages.lz4', 'Packages', 'lz4', '/d'],
  ['main/source/Sources.diff/Index', 'main/source/Sources.diff/Index', 'none', '/d/dists/x/y/main/source/Sources.diff'],
])('%s is an index', (name, stem, compression, root) => {
  const found = index(name);
  expect([found.stem, found.compression]).toEqual([stem, compression]);
  expect(found.root('/d/dists/x/y/InRelease')).toBe(root);
});

test('the names of a flat repository are relative to its folder', () => {
  expect(index('Packages').root('/r/s/InRelease')).toBe('/r/s');
  expect(index('Packages').root('/Release')).toBe('');
  expect(index('Packages.diff/Index').root('/r/Release')).toBe('/r/Packages.diff');
});

test.each(['main/binary-amd64/Release', 'Packages.lzma', 'Packages.xz.asc', 'main/i18n/Translation-en.xz', 'XPackages', 'Index', ''])(
  '%j promises nothing',
  (name) => {
    expect(indexOf(name)).toBeUndefined();
  },
);
