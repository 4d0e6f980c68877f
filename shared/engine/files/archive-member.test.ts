import { randomBytes } from 'node:crypto';
import { LarderError } from '../../errors';
import { makeZip } from '../../testing/wheel';
import { readMember, TAIL_BYTES, type ArchiveBytes } from './archive-member';

const METADATA = /^[^/]+\.dist-info\/METADATA$/;
const content = Buffer.from('Metadata-Version: 2.1\nName: a\n');

/** An archive that counts what is read of it. */
function archive(bytes: Buffer): ArchiveBytes & { readonly reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    size: bytes.length,
    reads,
    read: (from, to) => {
      reads.push([from, to]);
      return Promise.resolve(bytes.subarray(from, to));
    },
  };
}

const many = (count: number): Record<string, Buffer> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`a/long/path/to/make/the/directory/larger/module_${n}.py`, Buffer.from(`${n}`)]),
  );

describe.each([false, true])('deflated: %s', (deflated) => {
  it('a member of a small archive takes one read', async () => {
    const zip = archive(makeZip({ 'a.py': Buffer.from('x'), 'a-1.dist-info/METADATA': content }, deflated));
    expect(await readMember(zip, METADATA)).toEqual(content);
    expect(zip.reads).toEqual([[0, zip.size]]);
  });

  it('one at the far end of a large one, too, as wheels have them', async () => {
    const zip = archive(makeZip({ 'big.bin': randomBytes(500_000), 'a-1.dist-info/METADATA': content }, deflated));
    expect(await readMember(zip, METADATA)).toEqual(content);
    expect(zip.reads).toEqual([[zip.size - TAIL_BYTES, zip.size]]);
  });

  it('with a directory that is larger than the end, and the member in front, it takes three', async () => {
    const zip = archive(makeZip({ 'a-1.dist-info/METADATA': content, 'big.bin': randomBytes(500_000), ...many(3000) }, deflated));
    expect(await readMember(zip, METADATA)).toEqual(content);
    expect(zip.reads).toHaveLength(3);
    expect(zip.reads.reduce((sum, [from, to]) => sum + to - from, 0)).toBeLessThan(500_000);
  });
});

it('the first match is meant', async () => {
  const zip = makeZip({
    'x/a-1.dist-info/METADATA': Buffer.from('no'),
    'a-1.dist-info/METADATA': content,
    'b-1.dist-info/METADATA': Buffer.from('b'),
  });
  expect(await readMember(archive(zip), METADATA)).toEqual(content);
});

it('an archive in the large form (zip64)', async () => {
  const small = makeZip({ ...many(3000), 'a-1.dist-info/METADATA': content });
  const end = small.subarray(-22);
  const large = Buffer.alloc(56);
  large.write('PK\x06\x06', 'latin1');
  large.writeBigUInt64LE(44n, 4);
  large.writeBigUInt64LE(3001n, 24);
  large.writeBigUInt64LE(3001n, 32);
  large.writeBigUInt64LE(BigInt(end.readUInt32LE(12)), 40);
  large.writeBigUInt64LE(BigInt(end.readUInt32LE(16)), 48);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(small.length - 22), 8);
  locator.writeUInt32LE(1, 16);
  const masked = Buffer.from(end);
  masked.fill(0xff, 8, 20);
  const zip = archive(Buffer.concat([small.subarray(0, -22), large, locator, masked]));
  expect(await readMember(zip, METADATA)).toEqual(content);
  expect(zip.reads.length).toBeLessThanOrEqual(3);
});

it.each<[string, () => Buffer]>([
  ['has no such member', () => makeZip({ 'a.py': content })],
  ['is no archive', () => randomBytes(100_000)],
  ['is empty', () => Buffer.alloc(0)],
  ['has a member larger than 16 MiB', () => makeZip({ 'a-1.dist-info/METADATA': Buffer.alloc(17 * 1024 * 1024) }, true)],
  ['has a damaged member', () => flipped(makeZip({ 'a-1.dist-info/METADATA': content }), content)],
  ['is cut off', () => makeZip({ 'a-1.dist-info/METADATA': content }).subarray(0, -30)],
])('nothing comes of what %s', async (_what, make) => {
  expect(await readMember(archive(make()), METADATA)).toBeUndefined();
});

it('a bomb is stopped at the length that its directory says', async () => {
  const bomb = makeZip({ 'a-1.dist-info/METADATA': Buffer.alloc(50 * 1024 * 1024) }, true);
  // The directory and the member's own header say 1,000 bytes.
  for (const signature of ['PK\x03\x04', 'PK\x01\x02'])
    bomb.writeUInt32LE(1000, bomb.indexOf(signature, 0, 'latin1') + (signature.endsWith('\x04') ? 22 : 24));
  expect(await readMember(archive(bomb), METADATA)).toBeUndefined();
});

it('a directory without end costs no more than any other may', async () => {
  // A member in 64 KiB, again and again: as much as there is of it is never made.
  const record = Buffer.alloc(64 * 1024);
  record.write('PK\x01\x02', 'latin1');
  // Names are UTF-8, and it has a long comment: both are read quickly.
  record.writeUInt16LE(0x800, 8);
  record.writeUInt16LE(4, 28);
  record.writeUInt16LE(record.length - 50, 32);
  record.write('a.py', 46);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(0xfffe, 8);
  end.writeUInt16LE(0xfffe, 10);
  const directory = 60_000 * record.length;
  end.writeUInt32LE(directory, 12);
  let bytes = 0;
  let reads = 0;
  const zip: ArchiveBytes = {
    size: directory + end.length,
    read: (from, to) => {
      bytes += to - from;
      reads++;
      const shift = from % record.length;
      const piece = Buffer.alloc(to - from, Buffer.concat([record.subarray(shift), record.subarray(0, shift)]));
      if (to > directory) end.copy(piece, directory - from);
      return Promise.resolve(piece);
    },
  };
  expect(await readMember(zip, METADATA)).toBeUndefined();
  expect(bytes).toBeLessThan(26 * 1024 * 1024);
  expect(reads).toBeGreaterThan(100);
});

it('a member that is said to be small when unpacked, but is not when packed, is not read', async () => {
  const zip = makeZip({ 'a-1.dist-info/METADATA': content, 'big.bin': randomBytes(18 * 1024 * 1024) });
  // In the directory: it is as large as the archive nearly is.
  zip.writeUInt32LE(17 * 1024 * 1024, zip.indexOf('PK\x01\x02', 0, 'latin1') + 20);
  zip.writeUInt16LE(8, zip.indexOf('PK\x01\x02', 0, 'latin1') + 10);
  const counted = archive(zip);
  expect(await readMember(counted, METADATA)).toBeUndefined();
  expect(counted.reads).toHaveLength(1);
});

it('what the source of the bytes throws is thrown', async () => {
  const error = new LarderError('upstream-failed', { host: 'x', reason: 'y' });
  await expect(readMember({ size: 1000, read: () => Promise.reject(error) }, METADATA)).rejects.toBe(error);
});

it('hostile bytes are nothing, or the member; nothing is thrown, and nothing waits for ever', async () => {
  const good = makeZip({ 'a.py': Buffer.from('x'), 'a-1.dist-info/METADATA': content, ...many(20) }, true);
  for (let n = 0; n < 400; n++) {
    const bad = Buffer.from(good);
    for (let m = 0; m <= n % 4; m++) bad[Math.floor(Math.random() * bad.length)] = n % 3 === 0 ? 0xff : Math.floor(Math.random() * 256);
    const found = await readMember(archive(bad), METADATA);
    expect(found === undefined || found.equals(content)).toBe(true);
  }
});

function flipped(zip: Buffer, part: Buffer): Buffer {
  const at = zip.indexOf(part);
  zip[at] = (zip[at] ?? 0) ^ 1;
  return zip;
}
