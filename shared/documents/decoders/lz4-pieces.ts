/**
 * LZ4 frames (the format's document "LZ4 Frame Format Description" 1.6), by own code: no package decodes them piece by piece.
 * Their xxHash checksums are not computed: an index is judged by its SHA-256.
 */
import { ByteReader } from './byte-reader';

/** How far back a match may reach. */
const HISTORY_BYTES = 64 * 1024;
const STORED = 0x80000000;

/** Frames that follow each other are one. @throws Error if it is truncated or invalid, or of `pieces` */
export function* lz4Pieces(pieces: Iterable<Buffer>): Generator<Buffer> {
  const reader = new ByteReader(pieces);
  do {
    const magic = reader.take(4).readUInt32LE();
    if (magic === 0x184d2204) yield* frame(reader);
    else if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) reader.skip(reader.take(4).readUInt32LE());
    else throw new Error('there is no frame');
  } while (!reader.isAtEnd());
}

function* frame(reader: ByteReader): Generator<Buffer> {
  const flags = reader.byte();
  if (flags >> 6 !== 1) throw new Error('its version is not known');
  if (flags & 1) throw new Error('it needs a dictionary');
  const size = (reader.byte() >> 4) & 7;
  if (size < 4) throw new Error('its block size is not valid');
  const most = 1 << (2 * size + 8);
  // Size of the content, checksum of the header.
  reader.skip((flags & 8 ? 8 : 0) + 1);
  let history: Buffer = Buffer.alloc(0);
  for (;;) {
    const word = reader.take(4).readUInt32LE();
    if (word === 0) break;
    const length = word % STORED;
    if (length > most) throw new Error('a block is larger than allowed');
    const block = reader.take(length);
    if (flags & 0x10) reader.skip(4);
    const decoded = word >= STORED ? block : decodeBlock(block, history, most);
    history =
      decoded.length >= HISTORY_BYTES ? decoded.subarray(-HISTORY_BYTES) : Buffer.concat([history, decoded]).subarray(-HISTORY_BYTES);
    yield decoded;
  }
  if (flags & 4) reader.skip(4);
}

/** One block: sequences of literals, each followed by a match (a copy of what was before), except the last. */
function decodeBlock(block: Buffer, history: Buffer, most: number): Buffer {
  const out = Buffer.allocUnsafe(history.length + most);
  history.copy(out);
  let to = history.length;
  let at = 0;
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15; more;) {
      const byte = block[at++];
      if (byte === undefined) throw new Error('a block is cut off');
      length += byte;
      more = byte === 255;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = lengthFrom(token >> 4);
    if (at + literals > block.length || to + literals > out.length) throw new Error('literals go too far');
    block.copy(out, to, at, at + literals);
    to += literals;
    at += literals;
    if (at === block.length) break;
    if (at + 2 > block.length) throw new Error('a block is cut off');
    const back = block.readUInt16LE(at);
    at += 2;
    const length = lengthFrom(token & 15) + 4;
    if (back === 0 || back > to || to + length > out.length) throw new Error('a match goes too far');
    // A match may overlap what it makes: it is repeated then.
    if (back >= length) out.copyWithin(to, to - back, to - back + length);
    else for (let index = to; index < to + length; index++) out[index] = out[index - back] as number;
    to += length;
  }
  return out.subarray(history.length, to);
}
