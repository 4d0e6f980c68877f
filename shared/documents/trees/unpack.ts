/** Compressed bytes that come when they come, unpacked and hashed. Its form is told by its first bytes, whatever it is called. */
import type { TransformOptions } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { openZstd } from '../decoders/zstd-stream';
import { TreeError } from './git-tree';
import { TarTree } from './tar-tree';

/** Bytes of a piece, and what of them may be decoded ahead while the last one is hashed. */
const PIECE_BYTES = 256 * 1024;
const AHEAD_BYTES = 4 * PIECE_BYTES;

/**
 * What an archive may unpack to: honest ones become up to some hundred times as large. Zeros are unpacked at some 500 MB a second, so the worst
 * that 10 MB can do is to occupy a thread for 10 s.
 */
export interface UnpackLimits {
  readonly bytes: number;
  /** Beyond `free`, how many bytes each packed byte may become. */
  readonly ratio: number;
  readonly free: number;
}
export const UNPACK_LIMITS: UnpackLimits = { bytes: 64 * 2 ** 30, ratio: 500, free: 256 * 2 ** 20 };

/** Packed bytes on their way in. `taken` is how many were. */
export interface Packed {
  readonly pieces: AsyncIterator<Buffer>;
  readonly taken: number;
}

/** @returns the git tree hashes of the archive, as GitTree.finish @throws Error what is wrong with it */
export async function unpackTree(packed: Packed, limits = UNPACK_LIMITS): Promise<readonly string[]> {
  const tar = new TarTree();
  let unpacked = 0;
  for await (const piece of decoded(packed)) {
    unpacked += piece.length;
    if (unpacked > Math.min(limits.bytes, limits.free + limits.ratio * packed.taken))
      throw new TreeError(`it unpacks to more than ${unpacked - 1} bytes from ${packed.taken}`);
    tar.write(piece);
    // Others are waiting for their turn on this thread.
    if (unpacked % AHEAD_BYTES < piece.length) await setImmediate();
  }
  return tar.finish();
}

/** The bytes of the archive itself. @throws Error what is wrong with its compression */
export async function* decoded({ pieces }: Packed): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await pieces.next();
    if (next.done === true) throw new TreeError('it is cut off');
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  switch (formOf(head)) {
    case 'gzip':
      return yield* gunzipped(head, pieces);
    case 'zstd':
      return yield* unzstd(head, pieces);
    case undefined:
      throw new TreeError('it is compressed neither with gzip nor with zstd');
  }
}

/** How bytes are compressed, by the first four of them (RFC 1952 §2.3.1, RFC 8878 §3.1). */
function formOf(head: Buffer): 'gzip' | 'zstd' | undefined {
  if (head.length < 4) return undefined;
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const magic = head.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50 ? 'zstd' : undefined;
}

async function* gunzipped(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  // The library's threads decode the next pieces while this one hashes the last.
  const ahead: ZlibOptions & TransformOptions = { chunkSize: PIECE_BYTES, readableHighWaterMark: AHEAD_BYTES };
  const decoder = createGunzip(ahead);
  let given = 0;
  let isFed = false;
  const feed = async (): Promise<void> => {
    for (let next: IteratorResult<Buffer> = { value: head }; next.done !== true; next = await rest.next()) {
      // It takes nothing more once it has seen an end.
      if (decoder.readableEnded || decoder.destroyed) return;
      given += next.value.length;
      if (!decoder.write(next.value)) await roomOrEnd(decoder);
    }
    isFed = true;
    decoder.end();
  };
  const feeding = feed().catch((error: unknown) => void decoder.destroy(error as Error));
  try {
    yield* decoder as AsyncIterable<Buffer>;
    await feeding;
    if (!isFed || decoder.bytesWritten !== given) throw new TreeError('something stands behind its end');
  } finally {
    decoder.destroy();
  }
}

function roomOrEnd(decoder: NodeJS.ReadWriteStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'end', 'close']) decoder.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'end', 'close']) decoder.once(event, done);
  });
}

async function* unzstd(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  const stream = await openZstd();
  try {
    for (let next: IteratorResult<Buffer> = { value: head }; next.done !== true; next = await rest.next()) yield* stream.push(next.value);
    stream.finish();
  } finally {
    stream.close();
  }
}
