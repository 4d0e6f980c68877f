/** gzip, by Node's own library. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Bytes of a decoded piece. */
export const PIECE_BYTES = 256 * 1024;

/** Gzip of one or more members. The decoder waits while nobody asks. @throws Error of zlib (also at a truncated end), or of `pieces` */
export function gunzipPieces(pieces: Iterable<Buffer>): AsyncIterable<Buffer> {
  const decoder = createGunzip({ chunkSize: PIECE_BYTES });
  // Its errors are those of the decoder, which is read below.
  pipeline(Readable.from(pieces, { highWaterMark: 1 }), decoder, () => undefined);
  return decoder as AsyncIterable<Buffer>;
}
