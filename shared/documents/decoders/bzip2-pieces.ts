/** bzip2, block by block: a block is 900 kB before its run lengths are undone, and at most 46 MB after (a run of 5 bytes may stand for 259). */
import Bunzip, { type BunzipInput } from 'seek-bzip';
import { ByteReader } from './byte-reader';
import { PIECE_BYTES } from './gzip-pieces';

/** Streams that follow each other are one. @throws Error of the decoder (also at a truncated end), or of `pieces` */
export function* bzip2Pieces(pieces: Iterable<Buffer>): Generator<Buffer> {
  const reader = new ByteReader(pieces);
  const output = new Output();
  const input = inputOf(reader);
  const bunzip = new Bunzip(input, output);
  for (;;) {
    // The package's own loop decodes all at once; these are its steps.
    while (bunzip._init_block()) {
      bunzip._read_bunzip();
      yield* output.take();
    }
    if (bunzip.reader.read(32) >>> 0 !== bunzip.streamCRC) throw new Error('its checksum is wrong');
    if (reader.isAtEnd()) return;
    bunzip._start_bunzip(input, output);
  }
}

function inputOf(reader: ByteReader): BunzipInput {
  return {
    readByte: () => reader.byte(),
    read(buffer, offset, length) {
      return reader.take(length).copy(buffer, offset);
    },
  };
}

/** Takes bytes one by one, gives pieces. */
class Output {
  private full: Buffer[] = [];
  private filling = Buffer.allocUnsafe(PIECE_BYTES);
  private length = 0;

  writeByte(byte: number): void {
    if (this.length === PIECE_BYTES) {
      this.full.push(this.filling);
      this.filling = Buffer.allocUnsafe(PIECE_BYTES);
      this.length = 0;
    }
    this.filling[this.length++] = byte;
  }

  take(): Buffer[] {
    const all = [...this.full, this.filling.subarray(0, this.length)];
    this.full = [];
    this.filling = Buffer.allocUnsafe(PIECE_BYTES);
    this.length = 0;
    return all;
  }
}
