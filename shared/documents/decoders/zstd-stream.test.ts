import { randomBytes } from 'node:crypto';
import { hasZstd, storedZstd, zstdOf } from '../../testing/zstd';
import { TEXT, ZSTD, ZSTD_SIZED } from './samples';
import { openZstd } from './zstd-stream';

jest.setTimeout(60_000);

/** Decodes bytes that come in pieces. @throws Error as the stream */
async function decoded(packed: Buffer, pieceBytes = packed.length): Promise<Buffer> {
  const stream = await openZstd();
  try {
    const pieces: Buffer[] = [];
    for (let at = 0; at < packed.length; at += pieceBytes) pieces.push(...stream.push(packed.subarray(at, at + pieceBytes)));
    stream.finish();
    return Buffer.concat(pieces);
  } finally {
    stream.close();
    stream.close();
  }
}

it.each([1, 7, 1000, 10_000_000])('what the command makes, in pieces of %d bytes', async (pieceBytes) => {
  expect((await decoded(ZSTD, pieceBytes)).equals(TEXT)).toBe(true);
  expect((await decoded(ZSTD_SIZED, pieceBytes)).equals(TEXT)).toBe(true);
});

(hasZstd ? it : it.skip).each([[['-1']], [['-19', '--long=27']], [['--fast=5', '--check']], [['--no-content-size']]])(
  'by the zstd command with %j (skipped where there is none)',
  async (options) => {
    const body = Buffer.concat([randomBytes(700_000), Buffer.alloc(3_000_000), randomBytes(1000)]);
    expect((await decoded(zstdOf(body, ...options), 65_536)).equals(body)).toBe(true);
  },
);

it('frames and skipped frames that follow each other are one', async () => {
  const skipped = Buffer.concat([Buffer.from('502a4d1803000000', 'hex'), Buffer.from('abc')]);
  expect((await decoded(Buffer.concat([skipped, ZSTD, skipped, ZSTD]), 5)).equals(Buffer.concat([TEXT, TEXT]))).toBe(true);
});

it('streams do not mix', async () => {
  const [one, other] = [await openZstd(), await openZstd()];
  const parts: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at < ZSTD.length; at++) {
    parts[0].push(...one.push(ZSTD.subarray(at, at + 1)));
    parts[1].push(...other.push(ZSTD_SIZED.subarray(at, at + 1)));
  }
  for (const [n, stream] of [one, other].entries()) {
    stream.finish();
    stream.close();
    expect(Buffer.concat(parts[n as 0 | 1]).equals(TEXT)).toBe(true);
  }
});

it('a frame’s checksum is looked at, whatever follows', async () => {
  const wrong = Buffer.from(ZSTD);
  wrong[wrong.length - 1] = (wrong[wrong.length - 1] as number) ^ 1;
  await expect(decoded(wrong)).rejects.toThrow(/broken/);
  await expect(decoded(Buffer.concat([wrong, ZSTD]), 100)).rejects.toThrow(/broken/);
});

it('cut off anywhere, it is never whole', async () => {
  for (let at = 0; at < ZSTD.length; at++) await expect(decoded(ZSTD.subarray(0, at), 64)).rejects.toThrow(/cut off/);
});

it('random bytes behind a magic number end in an error, not in a loop', async () => {
  for (let n = 0; n < 200; n++)
    await expect(decoded(Buffer.concat([Buffer.from('28b52ffd', 'hex'), randomBytes(300)]), 50)).rejects.toThrow(/broken|cut off/);
});

it('1,000 streams that are left in the middle take no memory for long', async () => {
  const body = storedZstd(randomBytes(300_000));
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 1000; n++) {
    const stream = await openZstd();
    for (const piece of stream.push(body.subarray(0, 200_000))) expect(piece.length).toBeGreaterThan(0);
    stream.close();
  }
  expect(process.memoryUsage().rss).toBeLessThan(before + 200 * 2 ** 20);
});
