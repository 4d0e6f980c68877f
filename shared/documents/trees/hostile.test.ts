import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { gitTreeOf, paxHeader, tarEntry, tarOf, type Leaf, type TarEntry } from '../../testing/tar-entries';
import { hasZstd, storedZstd, zstdOf } from '../../testing/zstd';
import { MOST_NAMES } from './git-tree';
import { errorText } from '../../errors';
import { TarReader } from './tar-reader';
import { TreeThreads } from './tree-threads';
import { treesOf } from './trees-fixture';
import { UNPACK_LIMITS } from './unpack';

jest.setTimeout(300_000);

/** What is wrong with an archive. */
function troubleOf(archive: Buffer, pieceBytes?: number, limits = UNPACK_LIMITS): Promise<string> {
  return treesOf(archive, pieceBytes, limits).then((trees) => `nothing: ${trees.join(' ')}`, errorText);
}

const BODY = randomBytes(3_000_000);
const GOOD = tarOf({ name: 'Project.toml', body: 'name = "Example"\n' }, { name: 'src/data', body: BODY });
let tree: string;
beforeAll(() => {
  const file = (body: Buffer): Leaf => ({ kind: 'file', body });
  const src = new Map([['data', file(BODY)]]);
  tree = gitTreeOf(
    new Map<string, Leaf | typeof src>([
      ['Project.toml', file(Buffer.from('name = "Example"\n'))],
      ['src', src],
    ]),
    false,
  );
});

describe('what leads out of its folder, or is nothing that git knows', () => {
  it.each<[string, TarEntry[], RegExp]>([
    ['../', [{ name: '../evil', body: 'x' }], /leads out of the archive: "\.\.\/evil"/],
    ['a/../../b', [{ name: 'a/../../b', body: 'x' }], /leads out/],
    ['a folder named ..', [{ name: 'a/..', type: '5' }], /leads out/],
    ['an absolute name', [{ name: '/etc/passwd', body: 'x' }], /absolute: "\/etc\/passwd"/],
    ['a hard link to outside', [{ name: 'l', type: '1', link: '../../etc/passwd' }], /leads out/],
    ['a hard link to nothing', [{ name: 'l', type: '1', link: 'nothing' }], /no earlier file/],
    ['a hard link to a folder', [{ name: 'd/', type: '5' }, { name: 'l', type: '1', link: 'd' }], /no earlier file/], // prettier-ignore
    ['a file behind a link', [{ name: 'l', type: '2', link: '/etc' }, { name: 'l/passwd', body: 'x' }], /behind a symbolic link/], // prettier-ignore
    ['a folder behind a link', [{ name: 'l', type: '2', link: '/etc' }, { name: 'l/d/', type: '5' }], /behind a symbolic link/], // prettier-ignore
    ['a link to nowhere', [{ name: 'l', type: '2' }], /leads nowhere/],
    ['a file with the name of the root', [{ name: './', body: 'x' }], /name of a folder/],
    ['a file with the name of a folder', [{ name: 'a/', body: 'x' }], /name of a folder/],
    ['a device', [{ name: 'null', type: '3' }], /neither file, folder nor link/],
    ['a pipe', [{ name: 'p', type: '6' }], /neither file, folder nor link/],
    ['a sparse file', [{ name: 's', type: 'S', body: 'x' }], /neither file, folder nor link/],
    ['a name of 40,000 bytes', [{ name: 'n'.repeat(40_000), body: 'x' }], /longer than 32767/],
    ['a negative size', [{ name: 'f', size: `${'\xff'.repeat(11)}\xf0` }], /./],
    ['a size that is no number', [{ name: 'f', size: 'not a number' }], /./],
    ['a size beyond all measure', [{ name: 'f', size: '\x80'.padEnd(12, '\x7f') }], /./],
  ])('%s', async (_what, entries, reason) => {
    const trouble = await troubleOf(gzipSync(tarOf({ name: 'good', body: 'good' }, ...entries)));
    expect(trouble).toMatch(reason);
    expect(trouble).not.toMatch(/^nothing/);
  });
});

describe('what programs unpack in different ways', () => {
  const one = tarEntry({ name: 'a', body: 'one' });
  const records = (text: string, type = 'x'): Buffer => tarEntry({ name: 'PaxHeader', type, body: text });

  it.each<[string, Buffer, RegExp]>([
    ['entries behind the end', Buffer.concat([tarOf(one), tarOf({ name: 'a', body: 'two' })]), /behind the end of the archive/],
    ['entries behind one empty block', Buffer.concat([one, Buffer.alloc(512), tarOf({ name: 'a', body: 'two' })]), /behind the end/],
    ['a text behind the end', Buffer.concat([tarOf(one), Buffer.from('text')]), /behind the end/],
    ['a name for all entries', tarOf(records('10 path=b\n', 'g'), one), /ambiguous: path/],
    ['a size for all entries', tarOf(records('10 size=1\n', 'g'), one), /ambiguous: size/],
    ['a sparse file in records', tarOf(paxHeader({ 'GNU.sparse.name': 'b' }), one), /ambiguous: GNU.sparse.name/],
    ['records without a length', tarOf(records('path=b\n'), one), /extended header is broken/],
    ['records that are longer than they are', tarOf(records('99 path=b\n'), one), /extended header is broken/],
    ['records that end in the middle', tarOf(records('8 path=b\n'), one), /extended header is broken/],
    ['records without a name', tarOf(records('5 ab\n'), one), /extended header is broken/],
    ['a name that is empty', tarOf(records('8 path=\n'), one), /ambiguous: path/],
    ['a size that is no number', tarOf(records('11 size=-1\n'), one), /broken tar header/],
    ['two names', tarOf(paxHeader({ path: 'b' }), { name: 'n'.repeat(101) }), /name of an entry is ambiguous/],
    ['two extended headers', tarOf(paxHeader({ path: 'b' }), paxHeader({ path: 'c' }), one), /two extended headers/],
    ['an extended header of nothing', tarOf(one, paxHeader({ path: 'b' })), /of nothing/],
    ['an extended header at the end', Buffer.concat([one, paxHeader({ path: 'b' })]), /Unexpected end/],
    ['a long name without an end', tarOf(tarEntry({ name: 'L', type: 'L', body: 'name' }), one), /extended header is broken/],
    ['a long name with two ends', tarOf(tarEntry({ name: 'L', type: 'L', body: 'na\0me\0' }), one), /extended header is broken/],
    ['a folder with content', tarOf({ name: 'd/', type: '5', body: 'x' }), /no file has content/],
    ['a link with content', tarOf({ name: 'l', type: '2', link: 'a', body: 'x' }), /no file has content/],
    ['a hard link that is executable and its file is not', tarOf(one, { name: 'b', type: '1', link: 'a', mode: 0o755 }), /permissions/],
    ['old headers with the beginning of a name', tarOf(withPrefix(one)), /name of an entry is ambiguous/],
  ])('%s', async (_what, archive, reason) => {
    expect(await troubleOf(gzipSync(archive))).toMatch(reason);
  });

  /** GNU's older form, with something where POSIX has the beginning of the name. */
  function withPrefix(entry: Buffer): Buffer {
    const old = Buffer.from(entry);
    old.write('ustar  \0', 257);
    old.write('evil', 345);
    old.write('        ', 148);
    const sum = old.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    old.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return old;
  }

  it('nothing but zeros behind the end are as good as none', async () => {
    const tar = tarOf({ name: 'f' });
    expect(await treesOf(gzipSync(Buffer.concat([tar, Buffer.alloc(10_000)])))).toEqual(await treesOf(gzipSync(tar)));
  });
});

describe('what is cut off, goes on behind its end, or is no archive', () => {
  const packers: [string, (body: Buffer) => Buffer][] = [
    ['gzip', (body) => gzipSync(body)],
    ['zstd, stored', storedZstd],
  ];
  const byCommand: typeof packers = [
    ['zstd', (body) => zstdOf(body)],
    ['zstd with a checksum', (body) => zstdOf(body, '--check')],
    ['zstd, one segment', (body) => zstdOf(body, '-19', '--long=27')],
  ];
  const laws = (packed: (body: Buffer) => Buffer): void => {
    let archive: Buffer;
    beforeAll(() => (archive = packed(GOOD)));

    it.each([1, 1000, 65_536, 10_000_000])('whole, in pieces of %d bytes', async (pieceBytes) => {
      // Byte by byte is for small ones.
      const [body, is] = pieceBytes === 1 ? [packed(tarOf({ name: 'f' })), undefined] : [archive, tree];
      const trees = await treesOf(body, pieceBytes);
      expect(trees).toEqual([is ?? gitTreeOf(new Map([['f', { kind: 'file', body: Buffer.alloc(0) } as Leaf]]), false)]);
    });

    it('cut off anywhere', async () => {
      for (const at of [0, 1, 3, 4, 5, 20, 1000, archive.length >> 1, archive.length - 5, archive.length - 1])
        expect([at, await troubleOf(archive.subarray(0, at))]).toEqual([
          at,
          expect.stringMatching(/cut off|unexpected end|Unexpected end/) as string,
        ]);
    });

    it('something behind its end', async () => {
      for (const more of [Buffer.from([0]), Buffer.alloc(70_000), Buffer.from('garbage'), Buffer.from('<html>'.repeat(20_000))])
        expect(await troubleOf(Buffer.concat([archive, more]))).not.toMatch(/^nothing/);
    });

    it('a changed byte is never the same tree', async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: archive.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
          const changed = Buffer.from(archive);
          changed[at] = (changed[at] as number) ^ change;
          // Dates and names in gzip's header mean nothing.
          if (at >= 10) expect(await troubleOf(changed)).not.toBe(`nothing: ${tree}`);
        }),
        { numRuns: 15 },
      );
    });

    it('two archives one after the other, as their tools would read them', async () => {
      const half = GOOD.length >> 1;
      expect(await treesOf(Buffer.concat([packed(GOOD.subarray(0, half)), packed(GOOD.subarray(half))]))).toEqual([tree]);
    });

    it('no tar in it', async () => {
      expect(await troubleOf(packed(Buffer.from('<html>not found</html>'.repeat(100))))).toMatch(/broken tar header|Unexpected end/);
      expect(await troubleOf(packed(Buffer.alloc(0)))).toMatch(/no tar archive/);
      expect(await troubleOf(packed(Buffer.alloc(10_240)))).toMatch(/no tar archive/);
    });

    it('a tar that is cut off in a file, or in a header', async () => {
      for (const at of [1, 511, 700, 513 + 512, 2_000_000]) expect(await troubleOf(packed(GOOD.subarray(0, at)))).toMatch(/Unexpected end/);
    });
  };
  describe.each(packers)('%s', (_name, packed) => laws(packed));
  (hasZstd ? describe : describe.skip).each(byCommand)('%s (skipped where there is no zstd command)', (_name, packed) => laws(packed));

  it('a bare tar, a page, nothing at all', async () => {
    expect(await troubleOf(GOOD)).toMatch(/neither with gzip nor with zstd/);
    expect(await troubleOf(Buffer.from('<html>'))).toMatch(/neither with gzip nor with zstd/);
    expect(await troubleOf(Buffer.alloc(0))).toMatch(/cut off/);
  });

  it('zstd with a window larger than the command would take', async () => {
    // Magic number, no single segment, a window of 2 GiB.
    expect(await troubleOf(Buffer.concat([Buffer.from('28b52ffd00a8', 'hex'), randomBytes(100)]))).toMatch(/Zstandard is broken/);
  });
});

describe('bombs', () => {
  const bomb = { name: 'zeros', body: Buffer.alloc(0), size: `${(2 ** 30).toString(8).padStart(11, '0')}\0` };
  const limits = { bytes: 2 ** 30, ratio: 500, free: 16 * 2 ** 20 };

  it('a gigabyte of zeros in a megabyte is refused by its ratio, before it is unpacked', async () => {
    const zeros = Buffer.concat([tarOf(bomb).subarray(0, 512), Buffer.alloc(64 * 2 ** 20)]);
    expect(await troubleOf(gzipSync(zeros), 65_536, limits)).toMatch(/unpacks to more than \d+ bytes from \d+/);
    // Blocks of one byte that is repeated 128 Ki times.
    const run = Buffer.from([2 | ((131072 << 3) & 0xff), ((131072 << 3) >> 8) & 0xff, ((131072 << 3) >> 16) & 0xff, 0]);
    const runs = Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), ...new Array<Buffer>(512).fill(run)]);
    expect(await troubleOf(runs, 65_536, limits)).toMatch(/unpacks to more than \d+ bytes from \d+/);
  });

  it('an honest archive that is larger than a limit is refused by its size', async () => {
    expect(await troubleOf(gzipSync(GOOD), 65_536, { ...limits, bytes: 2_000_000 })).toMatch(/unpacks to more than/);
  });

  it('an extended header of any size is not gathered', async () => {
    const header = { name: 'x', type: 'x', size: `${(2 ** 29).toString(8).padStart(11, '0')}\0` };
    expect(await troubleOf(gzipSync(Buffer.concat([tarOf(header), Buffer.alloc(2 ** 20)])))).toMatch(/more than 4194304 bytes/);
  });

  it('names without end: folders in folders, which take no room in the archive', async () => {
    const deep = Array.from({ length: 120 }, (_, n) => ({ name: `${n}/${'d/'.repeat(15_000)}f` }));
    expect(await troubleOf(gzipSync(tarOf(...deep)))).toBe(`it has more than ${MOST_NAMES} names`);
  });

  it.each([
    ['entry', tarEntry({ name: 'a' })],
    ['header of all entries', tarEntry({ name: 'g', type: 'g' })],
  ])('the same %s again and again, which takes no room either', (_what, block) => {
    const reader = new TarReader(() => undefined, 5000);
    const write = (): void => reader.write(Buffer.concat(new Array<Buffer>(1000).fill(block)));
    for (let times = 0; times < 5; times++) expect(write).not.toThrow();
    expect(write).toThrow('it has more than 5000 headers');
  });

  it('the same deep folders again and again, which take time only', async () => {
    const deep = Array.from({ length: 700 }, (_, n) => ({ name: `${n % 2}/${'d/'.repeat(15_000)}f${n}` }));
    expect(await troubleOf(gzipSync(tarOf(...deep)))).toMatch(/names have more than \d+ folders/);
  });
});

describe('1,000,000 entries', () => {
  /** Files in 1,000 folders, in a thread as it is used. */
  async function inThread(files: number, heapMb: number): Promise<unknown> {
    const threads = new TreeThreads({ most: 1, idleMs: 1000, heapMb });
    try {
      const job = threads.open();
      const header = tarOf({ name: 'ddd/nnnnnnn' }).subarray(0, 512);
      const sum = header.toString('latin1', 148, 156);
      const base = parseInt(sum, 8) - sumOf(header, 0, 11);
      for (let from = 0; from < files; from += 10_000) {
        const blocks = Buffer.alloc(512 * 10_000);
        for (let n = 0; n < 10_000; n++) {
          const block = blocks.subarray(n * 512, (n + 1) * 512);
          header.copy(block);
          block.write(`${String((from + n) % 1000).padStart(3, '0')}/${String(from + n).padStart(7, '0')}`, 0);
          block.write((base + sumOf(block, 0, 11)).toString(8).padStart(7, '0'), 148);
        }
        await job.write(gzipSync(blocks, { level: 1 }));
      }
      return await job.finish();
    } finally {
      await threads.close();
    }
  }
  const sumOf = (block: Buffer, from: number, to: number): number => block.subarray(from, to).reduce((sum, byte) => sum + byte, 0);

  it('are hashed with the memory that a thread has', async () => {
    expect(await inThread(1_000_000, 512)).toEqual({ trees: [expect.stringMatching(/^[0-9a-f]{40}$/)] });
  });

  it('a thread whose memory is used up ends, and says so', async () => {
    await expect(inThread(300_000, 24)).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('memory') as string });
  });
});
