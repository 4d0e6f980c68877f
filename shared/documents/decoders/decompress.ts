/** Decompression piece by piece: what is given out is asked for first, so never more than a few pieces (or one block) are in memory. */
import type { ListedIndex } from '../../../caches/module';

export type Compression = ListedIndex['compression'];

/** Decoders that few indexes need are loaded when one does. */
export async function* decompress(pieces: Iterable<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
  switch (compression) {
    case 'none':
      return yield* pieces;
    case 'gzip':
      return yield* (await import('./gzip-pieces')).gunzipPieces(pieces);
    case 'xz':
      return yield* (await import('./xz-pieces')).xzPieces(pieces);
    case 'bzip2':
      return yield* (await import('./bzip2-pieces')).bzip2Pieces(pieces);
    case 'zstd':
      return yield* (await import('./zstd-pieces')).zstdPieces(pieces);
    case 'lz4':
      return yield* (await import('./lz4-pieces')).lz4Pieces(pieces);
  }
}
