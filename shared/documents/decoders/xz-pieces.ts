/** xz: LZMA2 with dictionaries of up to 64 MiB (xz -9), checks none, CRC-32 and CRC-64, any number of streams and blocks. */
import { ReadableStream } from 'node:stream/web';
import { XzReadableStream } from 'xz-decompress';

/** @throws Error of the decoder (also at a truncated end), or of `pieces` */
export async function* xzPieces(pieces: Iterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = pieces[Symbol.iterator]();
  const compressed = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
    },
    { highWaterMark: 0 },
  );
  for await (const piece of new XzReadableStream(compressed) as ReadableStream<Uint8Array>)
    yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}
