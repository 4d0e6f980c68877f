/** What Node's own library decodes. */
import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Bytes of a decoded piece. */
export const PIECE_BYTES = 256 * 1024;

/** Gzip of one or more members. @throws Error of zlib, or of `pieces` */
export function gunzipPieces(pieces: Iterable<Buffer>): AsyncIterable<Buffer> {
  return through(pieces, createGunzip({ chunkSize: PIECE_BYTES }));
}

/** The pieces after `decoder`, which waits while nobody asks. */
export function through(pieces: Iterable<Buffer>, decoder: Transform): AsyncIterable<Buffer> {
  // Its errors are those of the decoder, which is read below.
  pipeline(Readable.from(pieces, { highWaterMark: 1 }), decoder, () => undefined);
  return decoder as AsyncIterable<Buffer>;
}
