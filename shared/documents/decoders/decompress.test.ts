import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { decompress, type Compression } from './decompress';
import { lz4Pieces } from './lz4-pieces';
import { BZIP2, LZ4, LZ4_SIZED, LZ4_STORED, TEXT, XZ, ZSTD, ZSTD_SIZED } from './samples';
import { zstdPieces } from './zstd-pieces';

const GZIP = gzipSync(TEXT);
const SAMPLES: ReadonlyArray<readonly [name: string, Compression, Buffer]> = [
  ['gzip', 'gzip', GZIP],
  ['xz', 'xz', XZ],
  ['bzip2', 'bzip2', BZIP2],
  ['zstd', 'zstd', ZSTD],
  ['zstd of a known size', 'zstd', ZSTD_SIZED],
  ['lz4', 'lz4', LZ4],
  ['lz4 of a known size', 'lz4', LZ4_SIZED],
];

/** Pieces of a length, and how many of them were asked for. */
function pieces(bytes: Buffer, length: number): Iterable<Buffer> & { taken: number } {
  const source = {
    taken: 0,
    *[Symbol.iterator]() {
      for (let at = 0; at < bytes.length; at += length) {
        source.taken++;
        yield bytes.subarray(at, at + length);
      }
    },
  };
  return source;
}

async function all(decoded: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of decoded) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

test('what is not compressed is given on as it is', async () => {
  expect((await all(decompress(pieces(TEXT, 1000), 'none'))).equals(TEXT)).toBe(true);
});

describe.each(SAMPLES)('%s', (_name, compression, sample) => {
  test.each([1, 7, 65_536])('is read in pieces of %i bytes', async (length) => {
    expect((await all(decompress(pieces(sample, length), compression))).equals(TEXT)).toBe(true);
  });

  test('two streams that follow each other are one', async () => {
    const twice = await all(decompress(pieces(Buffer.concat([sample, sample]), 100), compression));
    expect(twice.equals(Buffer.concat([TEXT, TEXT]))).toBe(true);
  });

  test('an end that comes too early is an error, wherever it comes', async () => {
    for (let length = 0; length < sample.length; length += length < 32 ? 1 : 89)
      await expect(all(decompress(pieces(sample.subarray(0, length), 1000), compression))).rejects.toThrow();
    await expect(all(decompress(pieces(sample.subarray(0, -1), 1000), compression))).rejects.toThrow();
  });

  test('bytes that are nothing of the kind are an error', async () => {
    await expect(all(decompress([Buffer.alloc(1000, 'A')], compression))).rejects.toThrow();
  });

  test('an error of the source comes through', async () => {
    const failing = function* (): Generator<Buffer> {
      yield sample.subarray(0, 20);
      throw new Error('the disk is gone');
    };
    await expect(all(decompress(failing(), compression))).rejects.toThrow('the disk is gone');
  });

  test('nothing is decoded that nobody asked for', async () => {
    const many = pieces(Buffer.concat(Array.from({ length: 50 }, () => sample)), sample.length);
    const decoded = decompress(many, compression);
    await decoded.next();
    await new Promise((resolve) => setImmediate(resolve));
    // 430 KB each; the decoder of gzip and its queues hold a few of them at most.
    expect(many.taken).toBeLessThan(10);
    await decoded.return(undefined);
  });
});

test.each([
  ['xz', XZ],
  ['bzip2', BZIP2],
  ['gzip', GZIP],
] as const)('%s with a flipped bit disagrees with its checksums, or says the same', async (compression, sample) => {
  let broken = 0;
  for (let at = 40; at < sample.length; at += 101) {
    const flipped = Buffer.from(sample);
    flipped[at] = (flipped[at] as number) ^ 4;
    // There are bits that mean nothing, such as the code lengths of symbols that do not occur.
    const read = await all(decompress([flipped], compression)).catch(() => 'broken');
    expect(read === 'broken' || TEXT.equals(read as Buffer)).toBe(true);
    if (read === 'broken') broken++;
  }
  expect(broken).toBeGreaterThan(sample.length / 101 / 2);
});

describe('zstd', () => {
  test.each([1, 1000])('is decoded block by block (pieces of %i bytes)', async (length) => {
    expect((await all(zstdPieces(pieces(ZSTD, length)))).equals(TEXT)).toBe(true);
    expect((await all(zstdPieces(pieces(ZSTD_SIZED, length)))).equals(TEXT)).toBe(true);
  });

  test('frames to be skipped are skipped', async () => {
    const skipped = Buffer.from('532a4d1803000000aabbcc', 'hex');
    expect((await all(zstdPieces([Buffer.concat([skipped, ZSTD, skipped])]))).equals(TEXT)).toBe(true);
  });

  test.each([
    ['a window of 2 GiB', '28b52ffd' + '00' + 'a8', 'window of 2147483648 bytes'],
    ['a content of 2^60 bytes as its window', '28b52ffd' + 'e0' + '0000000000000010', 'window of'],
    ['a dictionary', '28b52ffd' + '21' + '07' + '10', 'dictionary'],
    ['a block of 2 MiB', '28b52ffd' + '00' + '50' + '0200ff', 'block'],
    ['a block of no known kind', '28b52ffd' + '00' + '50' + '070000', 'block'],
  ])('%s is refused before memory is taken for it', async (_name, hex, reason) => {
    const frame = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(100)]);
    await expect(all(zstdPieces([frame]))).rejects.toThrow(reason);
  });
});

describe('lz4', () => {
  test('blocks that are stored as they are', async () => {
    expect(await all(lz4Pieces([LZ4_STORED]))).toHaveLength(128);
  });

  test.each([
    ['another version', '00', 'version'],
    ['a dictionary', '41', 'dictionary'],
    ['a block size that does not exist', '40' + '30', 'block size'],
    ['a block larger than it says', '40' + '40' + '00' + '01000100', 'larger than allowed'],
    ['a match before the beginning', '40' + '40' + '00' + '04000000' + '10410200', 'match'],
    ['a match of distance 0', '40' + '40' + '00' + '04000000' + '10410000', 'match'],
    ['a match without its distance', '40' + '40' + '00' + '03000000' + '104101', 'cut off'],
    ['literals beyond the block', '40' + '40' + '00' + '02000000' + '5041', 'literals'],
    ['a length without an end', '40' + '40' + '00' + '02000000' + 'f0ff', 'cut off'],
    ['more than its block size', '40' + '40' + '00' + '4f010000' + '1f410100' + 'ff'.repeat(330) + '00', 'match'],
    [
      'literals beyond its block size',
      '40' + '40' + '00' + '10010000' + '1f410100' + 'ff'.repeat(256) + 'e6' + 'a0' + '42'.repeat(10),
      'literals',
    ],
  ])('%s is an error', async (_name, hex, reason) => {
    await expect(all(lz4Pieces([Buffer.from(`04224d18${hex}00000000`, 'hex')]))).rejects.toThrow(reason);
  });

  test('a match may overlap what it makes', async () => {
    const frame = Buffer.from('04224d18' + '40' + '40' + '00' + '05000000' + '1f41010000' + '00000000', 'hex');
    expect((await all(lz4Pieces([frame]))).toString()).toBe('A'.repeat(20));
  });

  test('hostile blocks end in an error or in at most what they may hold', async () => {
    const block = fc.uint8Array({ minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(block, async (bytes) => {
        const head = Buffer.from('04224d1840400000000000', 'hex');
        head.writeUInt32LE(bytes.length, 7);
        const decoded = await all(lz4Pieces([head, Buffer.from(bytes), Buffer.alloc(4)])).catch(() => Buffer.alloc(0));
        expect(decoded.length).toBeLessThanOrEqual(65_536);
      }),
    );
  });
});
