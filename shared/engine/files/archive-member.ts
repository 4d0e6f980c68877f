/**
 * One member of a zip archive of which only parts are read: its end (with the central directory, where that fits), the rest of the
 * directory, and the member. The only importer of yauzl.
 */
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import { isLarderError } from '../../errors';

/** The end of an archive: what yauzl looks through for the directory's place (a comment has 64 KiB at most), in one go. */
export const TAIL_BYTES = 66 * 1024;
const MOST_MEMBER_BYTES = 16 * 1024 * 1024;
const MOST_DIRECTORY_BYTES = 8 * 1024 * 1024;
/** What is read of one archive at most: neither a directory nor a member is larger, and both are read once. */
const MOST_BYTES = TAIL_BYTES + MOST_DIRECTORY_BYTES + MOST_MEMBER_BYTES + 1024 * 1024;
/** Reads that nobody foresaw bring so much at least. */
const AHEAD_BYTES = 64 * 1024;
/** Fixed part of a member's own header, and room for what stands between it and the bytes. */
const HEADER_BYTES = 30 + 1024;

/** The bytes of an archive, wherever they are. */
export interface ArchiveBytes {
  readonly size: number;
  /** Exactly the bytes from `from` to before `to`. @throws LarderError */
  read(from: number, to: number): Promise<Buffer>;
}

/**
 * The first member whose name matches, whole; its CRC agrees.
 * @returns undefined if there is none, or it is larger than 16 MiB, or this is no zip archive that can be read
 * @throws LarderError of `archive`
 */
export async function readMember(archive: ArchiveBytes, name: RegExp): Promise<Buffer | undefined> {
  const parts = new Parts(archive);
  let zip: ZipFile | undefined;
  try {
    await parts.readDirectory();
    zip = await fromRandomAccessReaderPromise(new PartReader(parts), archive.size, { lazyEntries: true, autoClose: false });
    for await (const entry of zip.eachEntry()) if (name.test(entry.fileName)) return await extract(zip, entry, parts);
    return undefined;
  } catch (error) {
    if (isLarderError(error)) throw error;
    return undefined;
  } finally {
    zip?.close();
  }
}

/** @throws Error if it is not what the directory says of it */
async function extract(zip: ZipFile, entry: Entry, parts: Parts): Promise<Buffer | undefined> {
  if (entry.uncompressedSize > MOST_MEMBER_BYTES || entry.compressedSize > MOST_MEMBER_BYTES) return undefined;
  const from = entry.relativeOffsetOfLocalHeader;
  await parts.hold(from, from + HEADER_BYTES + entry.fileNameLength + entry.compressedSize);
  const pieces: Buffer[] = [];
  // yauzl ends it with an error as soon as it is longer than the directory says.
  const stream = await zip.openReadStreamPromise(entry);
  stream.on('error', () => undefined);
  for await (const piece of stream) pieces.push(piece as Buffer);
  const member = Buffer.concat(pieces);
  return member.length === entry.uncompressedSize && crc32(member) === entry.crc32 ? member : undefined;
}

/** What was read of an archive. */
class Parts {
  private readonly parts: { readonly from: number; readonly bytes: Buffer }[] = [];
  private total = 0;

  constructor(private readonly archive: ArchiveBytes) {}

  /** The end, and the directory before it. */
  async readDirectory(): Promise<void> {
    const { size } = this.archive;
    const tailFrom = Math.max(0, size - TAIL_BYTES);
    const tail = await this.read(tailFrom, size);
    const directory = placeOfDirectory(tail);
    if (directory && directory.from < tailFrom && directory.size <= MOST_DIRECTORY_BYTES) await this.hold(directory.from, tailFrom);
  }

  /** Reads ahead what will be asked for. */
  async hold(from: number, to: number): Promise<void> {
    const end = Math.min(to, this.archive.size);
    if (from < end && !this.find(from, end)) await this.fetch(from, end);
  }

  /** @throws LarderError of the archive; Error beyond its end, or when too much of it was read */
  async read(from: number, to: number): Promise<Buffer> {
    if (to > this.archive.size) throw new RangeError('it is cut off');
    const end = Math.min(Math.max(to, from + AHEAD_BYTES), this.archive.size);
    const part = this.find(from, to) ?? (await this.fetch(from, end));
    return part.bytes.subarray(from - part.from, to - part.from);
  }

  private find(from: number, to: number): { readonly from: number; readonly bytes: Buffer } | undefined {
    return this.parts.find((part) => part.from <= from && to <= part.from + part.bytes.length);
  }

  private async fetch(from: number, to: number): Promise<{ readonly from: number; readonly bytes: Buffer }> {
    this.total += to - from;
    if (this.total > MOST_BYTES) throw new RangeError('too much of it would have to be read');
    // The directory goes on in what is held of the end: one part for both.
    const next = this.parts.find((part) => part.from === to);
    const bytes = await this.archive.read(from, to);
    const part = { from, bytes: next ? Buffer.concat([bytes, next.bytes]) : bytes };
    this.parts.unshift(part);
    return part;
  }
}

class PartReader extends RandomAccessReader {
  constructor(private readonly parts: Parts) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, read?: number) => void,
  ): void {
    // One turn of the event loop each: a directory has as many entries as it likes.
    this.parts.read(position, position + length).then(
      (bytes) => setImmediate(() => this.tell(callback, null, bytes.copy(buffer, offset))),
      (error: Error) => setImmediate(() => this.tell(callback, error)),
    );
  }

  /** What yauzl throws over bytes that it did not expect must not end the process. */
  private tell(callback: (error: Error | null, read?: number) => void, error: Error | null, read?: number): void {
    try {
      callback(error, read);
    } catch (thrown) {
      this.emit('error', thrown);
    }
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const { parts } = this;
    return Readable.from(
      (async function* () {
        yield await parts.read(start, end);
      })(),
    );
  }
}

/** Where the central directory is (APPNOTE 4.3.16; 4.3.14 in large archives). @returns undefined where yauzl may say why not */
function placeOfDirectory(tail: Buffer): { readonly from: number; readonly size: number } | undefined {
  const end = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0 || end + 22 > tail.length) return undefined;
  const from = tail.readUInt32LE(end + 16);
  if (from !== 0xffffffff) return { from, size: tail.readUInt32LE(end + 12) };
  const large = tail.lastIndexOf('PK\x06\x06', end, 'latin1');
  if (large < 0 || large + 56 > tail.length) return undefined;
  return { from: Number(tail.readBigUInt64LE(large + 48)), size: Number(tail.readBigUInt64LE(large + 40)) };
}

/**
 * Whether a file ends as a zip archive does, and its directory is where its end says; nothing is unpacked, whatever it claims to hold.
 * @throws NodeJS.ErrnoException if it cannot be read
 */
export async function isWholeZip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tailFrom = Math.max(0, size - TAIL_BYTES);
    const tail = Buffer.alloc(size - tailFrom);
    await file.read(tail, 0, tail.length, tailFrom);
    const directory = placeOfDirectory(tail);
    if (!directory || directory.from + directory.size > size) return false;
    const mark = Buffer.alloc(4);
    await file.read(mark, 0, 4, directory.from);
    // An archive of nothing has no directory, but its end.
    return mark.toString('latin1') === (directory.size === 0 ? 'PK\x05\x06' : 'PK\x01\x02');
  } finally {
    await file.close();
  }
}
