/** A held file, read piece by piece and digested on the way. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { LarderError } from '../errors';
import { unreadable } from './source';

const PIECE_BYTES = 256 * 1024;

export class HeldPieces implements Iterable<Buffer> {
  private readonly hash: Hash;
  private descriptor: number | undefined;
  private isRead = false;

  /** @param integrity SRI of one algorithm */
  constructor(
    private readonly target: string,
    private readonly file: string,
    private readonly integrity: string,
  ) {
    this.hash = createHash(this.algorithm);
  }

  /** Goes on where reading stopped before. @throws LarderError held-unreadable */
  *[Symbol.iterator](): Generator<Buffer> {
    for (let piece = this.read(); piece; piece = this.read()) yield piece;
  }

  /** Reads what nobody has read, and compares the whole; call once. @throws LarderError integrity | held-unreadable */
  verify(): void {
    while (this.read());
    const got = `${this.algorithm}-${this.hash.digest('base64')}`;
    if (got !== this.integrity) throw new LarderError('integrity', { target: this.target, expected: this.integrity, got });
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private get algorithm(): string {
    return this.integrity.slice(0, this.integrity.indexOf('-'));
  }

  private read(): Buffer | undefined {
    if (this.isRead) return undefined;
    // Its memory is not used again: decoders may keep a part of it.
    const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    let length: number;
    try {
      this.descriptor ??= openSync(this.file, 'r');
      length = readSync(this.descriptor, piece, 0, PIECE_BYTES, null);
    } catch (error) {
      throw unreadable(this.target, error);
    }
    if (length === 0) {
      this.isRead = true;
      return undefined;
    }
    const bytes = piece.subarray(0, length);
    this.hash.update(bytes);
    return bytes;
  }
}
