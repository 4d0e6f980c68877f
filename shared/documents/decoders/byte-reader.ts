/** Bytes in the lengths that a format asks for, out of pieces of any length. */
export class ByteReader {
  private piece: Buffer = Buffer.alloc(0);
  private at = 0;
  private readonly rest: Iterator<Buffer>;

  constructor(pieces: Iterable<Buffer>) {
    this.rest = pieces[Symbol.iterator]();
  }

  isAtEnd(): boolean {
    while (this.at === this.piece.length) {
      const next = this.rest.next();
      if (next.done) return true;
      this.piece = next.value;
      this.at = 0;
    }
    return false;
  }

  /** @throws Error at the end */
  byte(): number {
    if (this.at === this.piece.length && this.isAtEnd()) throw new Error('it is cut off');
    return this.piece[this.at++] as number;
  }

  /** @returns memory that stays valid @throws Error if there are fewer left */
  take(length: number): Buffer {
    if (this.at + length <= this.piece.length) return this.piece.subarray(this.at, (this.at += length));
    const taken = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length;) {
      if (this.isAtEnd()) throw new Error('it is cut off');
      const copied = this.piece.copy(taken, filled, this.at, this.at + length - filled);
      filled += copied;
      this.at += copied;
    }
    return taken;
  }

  /** @throws Error if there are fewer left */
  skip(length: number): void {
    for (let left = length; left > 0;) {
      if (this.isAtEnd()) throw new Error('it is cut off');
      const skipped = Math.min(left, this.piece.length - this.at);
      this.at += skipped;
      left -= skipped;
    }
  }
}
