/** Archives in memory, unpacked piece by piece, for tests. */
import { unpackTree, type UnpackLimits } from './unpack';

/** @param pieceBytes how it comes @throws Error what is wrong with it */
export function treesOf(archive: Buffer, pieceBytes = 64 * 1024, limits?: UnpackLimits): Promise<readonly string[]> {
  const packed = { taken: 0, pieces: pieces() };
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < archive.length; at += pieceBytes) {
      const piece = archive.subarray(at, at + pieceBytes);
      packed.taken += piece.length;
      yield await Promise.resolve(piece);
    }
  }
  return unpackTree(packed, limits);
}
