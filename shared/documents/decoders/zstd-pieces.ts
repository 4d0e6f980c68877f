/**
 * Zstandard (RFC 8878), block by block by a package. Not by Node, which can since 22.15: its stream takes the end of a frame that is cut off for
 * its end, and does not see a second frame (22.23).
 */
import { Decompress } from 'fzstd';
import { ByteReader } from './byte-reader';

/** The `zstd` command's own limit: what asks for more memory is refused. */
const MOST_WINDOW_BYTES = 128 * 1024 * 1024;
const MOST_BLOCK_BYTES = 128 * 1024;
const CHECKSUM_BYTES = 4;

/**
 * Frames that follow each other are one. The package decodes what it is given at once, and allocates the window that a frame asks for: it
 * gets one block at a time, and only frames whose header was looked at.
 * @throws Error of the decoder (also at a truncated end), or of `pieces`
 */
export function* zstdPieces(pieces: Iterable<Buffer>): Generator<Buffer> {
  const reader = new ByteReader(pieces);
  do {
    const magic = reader.take(4);
    const number = magic.readUInt32LE();
    if (number === 0xfd2fb528) yield* frame(reader, magic);
    else if ((number & 0xfffffff0) >>> 0 === 0x184d2a50) reader.skip(reader.take(4).readUInt32LE());
    else throw new Error('there is no frame');
  } while (!reader.isAtEnd());
}

function* frame(reader: ByteReader, magic: Buffer): Generator<Buffer> {
  const decoded: Buffer[] = [];
  const decoder = new Decompress((bytes) => decoded.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  const { bytes, isChecked } = header(reader);
  decoder.push(Buffer.concat([magic, bytes]));
  for (let isLast = false; !isLast;) {
    const block = reader.take(3);
    const facts = block.readUIntLE(0, 3);
    isLast = (facts & 1) === 1;
    const kind = (facts >> 1) & 3;
    const size = facts >> 3;
    if (kind === 3 || size > MOST_BLOCK_BYTES) throw new Error('a block is not valid');
    const content = reader.take(kind === RUN ? 1 : size);
    const checksum = isLast && isChecked ? reader.take(CHECKSUM_BYTES) : Buffer.alloc(0);
    decoder.push(Buffer.concat([block, content, checksum]), isLast);
    yield* decoded.splice(0);
  }
}

/** Kind of a block that is one byte, repeated. */
const RUN = 1;

/** The header after the magic number, RFC 8878 §3.1.1.1. @throws Error if the frame needs too much memory */
function header(reader: ByteReader): { bytes: Buffer; isChecked: boolean } {
  const descriptor = reader.take(1);
  const flags = descriptor[0] as number;
  const isSingle = (flags & 0x20) !== 0;
  const sizeFlag = flags >> 6;
  const window = reader.take(isSingle ? 0 : 1);
  const dictionary = reader.take([0, 1, 2, 4][flags & 3] as number);
  const size = reader.take(sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag);
  const windowBytes = isSingle ? contentSize(size) : windowSize(window[0] as number);
  if (windowBytes > MOST_WINDOW_BYTES) throw new Error(`it needs a window of ${windowBytes} bytes`);
  if (dictionary.some((byte) => byte !== 0)) throw new Error('it needs a dictionary');
  return { bytes: Buffer.concat([descriptor, window, dictionary, size]), isChecked: (flags & 4) !== 0 };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}
