/** Digests of a body while it streams, and checksums per chunk with which what is held is checked before it is sent. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Algorithm } from './sri';

/** Bytes per checksum; the same number as CHUNK_BYTES in store/entry.ts (a test compares them). */
export const DIGEST_CHUNK_BYTES = 256 * 1024;

/** Large enough to amortise a read, small enough for a core's cache. */
const READ_BYTES = 1024 * 1024;

/** What a body turned out to be. */
export interface Digested {
  /** Bytes. */
  readonly size: number;
  /** base64 of little-endian CRC-32s, one per chunk; '' for an empty body. */
  readonly chunks: string;
  /** SRI per algorithm. */
  readonly digests: Readonly<Partial<Record<Algorithm, string>>>;
}

/**
 * Computes the chosen digests and the chunk checksums of one body in one pass. CRC-32 is no defence against an
 * adversary; it finds bit rot at three times the speed of SHA-256, and the digest judged the bytes when they came.
 */
export class Digester {
  private readonly hashes: ReadonlyArray<readonly [Algorithm, Hash]>;
  private checksums = Buffer.allocUnsafe(64);
  private checksumBytes = 0;
  private running = 0;
  private inChunk = 0;
  private total = 0;

  constructor(algorithms: readonly Algorithm[]) {
    this.hashes = [...new Set(algorithms)].map((algorithm) => [algorithm, createHash(algorithm)] as const);
  }

  /** Bytes so far. */
  get size(): number {
    return this.total;
  }

  /** Adds bytes of any length; the buffer may be reused afterwards. */
  update(bytes: Buffer): void {
    for (const [, hash] of this.hashes) hash.update(bytes);
    this.total += bytes.length;
    let from = 0;
    while (from < bytes.length) {
      const to = Math.min(bytes.length, from + DIGEST_CHUNK_BYTES - this.inChunk);
      this.running = crc32(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.running);
      this.inChunk += to - from;
      if (this.inChunk === DIGEST_CHUNK_BYTES) this.closeChunk();
      from = to;
    }
  }

  /** Ends the pass; call once. */
  finish(): Digested {
    if (this.inChunk > 0) this.closeChunk();
    const digests: Partial<Record<Algorithm, string>> = {};
    for (const [algorithm, hash] of this.hashes) digests[algorithm] = `${algorithm}-${hash.digest('base64')}`;
    return { size: this.total, chunks: this.checksums.toString('base64', 0, this.checksumBytes), digests };
  }

  private closeChunk(): void {
    if (this.checksumBytes === this.checksums.length) this.checksums = Buffer.concat([this.checksums, this.checksums]);
    this.checksumBytes = this.checksums.writeUInt32LE(this.running, this.checksumBytes);
    this.running = 0;
    this.inChunk = 0;
  }
}

/**
 * Whether chunk number `index` of a body is what was committed. `chunks` is Entry.chunks, or its decoded bytes (decode
 * once for a large body). A chunk that the record does not know is bad.
 */
export function verifyChunk(chunks: string | Buffer, index: number, bytes: Buffer): boolean {
  const checksums = typeof chunks === 'string' ? Buffer.from(chunks, 'base64') : chunks;
  if (index < 0 || (index + 1) * 4 > checksums.length) return false;
  return checksums.readUInt32LE(index * 4) === crc32(bytes);
}

/** Whether a whole body held in memory is what was committed. */
export function verifyWhole(chunks: string, body: Buffer): boolean {
  const checksums = Buffer.from(chunks, 'base64');
  if (checksums.length !== Math.ceil(body.length / DIGEST_CHUNK_BYTES) * 4) return false;
  for (let index = 0; index * 4 < checksums.length; index++) {
    const chunk = body.subarray(index * DIGEST_CHUNK_BYTES, (index + 1) * DIGEST_CHUNK_BYTES);
    if (!verifyChunk(checksums, index, chunk)) return false;
  }
  return true;
}

/** Digests a body in memory. */
export function digestBuffer(bytes: Buffer, algorithms: readonly Algorithm[]): Digested {
  const digester = new Digester(algorithms);
  digester.update(bytes);
  return digester.finish();
}

/**
 * Feeds the first `bytes` bytes of a file (all of it unless given) into a digester, for resuming a partial.
 * @returns the digester, so that what follows can be added
 * @throws NodeJS.ErrnoException
 */
export async function digestInto(digester: Digester, file: string, bytes = Infinity): Promise<Digester> {
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let left = bytes;
    while (left > 0) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(left, READ_BYTES), null);
      if (bytesRead === 0) break;
      digester.update(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return digester;
  } finally {
    await handle.close();
  }
}

/** Digests a file without blocking for longer than one read. @throws NodeJS.ErrnoException */
export async function digestFile(file: string, algorithms: readonly Algorithm[]): Promise<Digested> {
  return (await digestInto(new Digester(algorithms), file)).finish();
}

/** Digests a file in one go; for worker threads only. @throws NodeJS.ErrnoException */
export function digestFileSync(file: string, algorithms: readonly Algorithm[]): Digested {
  const digester = new Digester(algorithms);
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer)) {
      digester.update(buffer.subarray(0, read));
    }
    return digester.finish();
  } finally {
    closeSync(descriptor);
  }
}
