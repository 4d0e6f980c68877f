/**
 * A body that is still arriving: a spool file plus the pieces not yet written to it. Any number of readers follow it, each at
 * its own offset. If the file cannot be written (disk full, below the reserve) it turns into a window in memory that moves on
 * when the slowest reader has read it, so clients still get their bytes.
 */
import * as fs from 'node:fs';
import { LarderError } from '../../errors';

/** Pieces kept in memory before the source is asked to pause: while they are being written, or for the slowest reader. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** The same of a long body on its way into a file: what waits longer has left the processor's cache when its turn comes. */
const LONG_WINDOW_BYTES = 512 * 1024;
const LONG_FROM_BYTES = 8 * 1024 * 1024;
/** How long a reader may take nothing while everybody waits for it because nothing can be stored. */
const STALL_MS = 60_000;
/** Largest single read from the spool. */
const READ_BYTES = 1024 * 1024;

interface Piece {
  readonly offset: number;
  readonly buffer: Buffer;
}

export interface Follower {
  /** Where it reads next: nothing before this is needed by it. */
  offset: number;
}

export class GrowingBody {
  /** Bytes that arrived. */
  received = 0;
  /** Bytes that are in the file. */
  private written = 0;
  /** First byte still held in memory once the file has failed; what lies between `written` and it is gone. */
  private firstPiece = 0;
  private fileFailed: boolean;
  private pieces: Piece[] = [];
  private fd: number | undefined;
  private busy = false;
  private reading = 0;
  private closed = false;
  private wake: (() => void)[] = [];
  private idle: (() => void)[] = [];
  readonly followers = new Set<Follower>();
  /** Told of a follower that took nothing for so long that the rest goes on without it; it must leave. */
  onStalled: ((follower: Follower) => void) | undefined;

  /**
   * @param file spool file to write to; undefined: memory only
   * @param onTrouble told once if the file cannot be written
   * @param windowBytes most bytes in memory before the source is paused; Infinity for a body that is to be had whole by `all()`
   */
  constructor(
    readonly file: string | undefined,
    private readonly onTrouble: (error: unknown) => void,
    private readonly windowBytes = WINDOW_BYTES,
    private readonly stallMs = STALL_MS,
  ) {
    this.fileFailed = file === undefined;
    if (file === undefined) return;
    try {
      this.fd = fs.openSync(file, fs.existsSync(file) ? 'r+' : 'w+', 0o640);
    } catch (error) {
      this.fileFailed = true;
      onTrouble(error);
    }
  }

  /** Whether the whole body so far is, or will be, in the file. */
  get inFile(): boolean {
    return !this.fileFailed;
  }

  /** Whether a new reader can still begin at 0. */
  get joinable(): boolean {
    return !this.closed && (!this.fileFailed || this.firstPiece <= this.written);
  }

  /** Takes over what a partial file already has. */
  adopt(bytes: number): void {
    this.received = bytes;
    this.written = bytes;
  }

  /** Adds bytes at the end. @returns false if the source should pause until `roomy()` */
  append(buffer: Buffer): boolean {
    this.pieces.push({ offset: this.received, buffer });
    this.received += buffer.length;
    this.pump();
    this.notify();
    return this.hasRoom();
  }

  /** Resolves when the source may go on. One reader that takes nothing must not stop the others without end. */
  async roomy(): Promise<void> {
    while (!this.hasRoom()) {
      const before = this.slowest();
      const moved = await this.settledWithin(this.stallMs);
      if (!moved && this.fileFailed && this.slowest() === before) this.leaveBehind(before);
    }
  }

  /** Resolves when everything received is in the file. @returns false if there is no file */
  async flushed(): Promise<boolean> {
    while (!this.fileFailed && this.written < this.received) await new Promise<void>((resolve) => this.idle.push(resolve));
    return !this.fileFailed;
  }

  /** Resolves at the next arrival, or when `notify` is called for another reason. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.wake.push(resolve));
  }

  notify(): void {
    if (this.wake.length === 0) return;
    const waiting = this.wake;
    this.wake = [];
    for (const resolve of waiting) resolve();
  }

  /** Some bytes from `offset`, which must be below `received`, never past `end`. @throws LarderError internal if they are gone */
  async read(offset: number, end: number): Promise<Buffer> {
    const piece = this.pieceAt(offset);
    if (piece) return piece.buffer.subarray(offset - piece.offset, Math.min(piece.buffer.length, end - piece.offset));
    if (this.fd === undefined || offset >= this.written) throw new LarderError('internal', { reason: 'the bytes of a download are gone' });
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - offset, this.written - offset));
    this.reading++;
    try {
      return buffer.subarray(0, await readAt(this.fd, buffer, offset));
    } finally {
      this.reading--;
      this.settle();
    }
  }

  /** The whole body of one that lives in memory. */
  all(): Buffer {
    return this.pieces.length === 1 && this.pieces[0] ? this.pieces[0].buffer : Buffer.concat(this.pieces.map((piece) => piece.buffer));
  }

  /** Whether these bytes equal what stands at `offset` already (a restarted download must repeat itself). Only what is in the file. */
  repeats(offset: number, buffer: Buffer): boolean {
    if (this.fd === undefined || offset + buffer.length > this.written) return false;
    const held = Buffer.allocUnsafe(buffer.length);
    return fs.readSync(this.fd, held, 0, held.length, offset) === held.length && held.equals(buffer);
  }

  /** Forgets everything from `offset` on. All must have been flushed. */
  truncate(offset: number): void {
    this.pieces = [];
    this.received = Math.min(this.received, offset);
    this.written = Math.min(this.written, offset);
    if (this.fd === undefined) return;
    try {
      fs.ftruncateSync(this.fd, this.received);
    } catch (error) {
      // What is behind would stay in the file.
      if (!this.fileFailed) this.giveUpFile(error);
    }
  }

  /** A follower moved on or left: a window in memory may move too. */
  moved(): void {
    if (this.fileFailed) this.forgetRead();
    this.settle();
  }

  /** Ends it: later reads fail, waiting readers wake. Reads and writes under way are waited for: the descriptor's number may be another file's next. */
  async close(): Promise<void> {
    this.closed = true;
    this.fileFailed = true;
    this.settle();
    this.notify();
    while (this.busy || this.reading > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    const { fd } = this;
    this.fd = undefined;
    if (fd !== undefined) fs.closeSync(fd);
  }

  private hasRoom(): boolean {
    if (!this.fileFailed) {
      const most = this.received < LONG_FROM_BYTES ? this.windowBytes : Math.min(LONG_WINDOW_BYTES, this.windowBytes);
      return this.received - this.written < most;
    }
    return this.followers.size === 0 || this.received - Math.max(this.written, this.firstPiece) < this.windowBytes;
  }

  private pieceAt(offset: number): Piece | undefined {
    // Readers that are caught up ask for the last piece; search from the end.
    for (let i = this.pieces.length - 1; i >= 0; i--) {
      const piece = this.pieces[i];
      if (piece && piece.offset <= offset) return offset < piece.offset + piece.buffer.length ? piece : undefined;
    }
    return undefined;
  }

  private pump(): void {
    if (this.fileFailed || this.fd === undefined) return this.forgetRead();
    if (this.busy) return;
    const batch = this.pieces.filter((piece) => piece.offset >= this.written);
    if (batch.length === 0) return;
    this.busy = true;
    const buffers = batch.map((piece) => piece.buffer);
    const wanted = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    fs.writev(this.fd, buffers, this.written, (error, count) => {
      this.busy = false;
      if (this.fileFailed) this.settle();
      else if (error || count !== wanted) this.giveUpFile(error ?? Object.assign(new Error('short write'), { code: 'ENOSPC' }));
      else this.wrote(count);
    });
  }

  private wrote(count: number): void {
    this.written += count;
    const keepFrom = this.written;
    this.pieces = this.pieces.filter((piece) => piece.offset + piece.buffer.length > keepFrom);
    this.pump();
    this.settle();
  }

  /** The file keeps what it has, for readers that lag; what comes from now on stays in memory until the slowest has read it. */
  private giveUpFile(error: unknown): void {
    this.fileFailed = true;
    this.onTrouble(error);
    this.forgetRead();
    this.settle();
    this.notify();
  }

  private forgetRead(): void {
    if (this.followers.size === 0) return;
    const keepFrom = Math.max(this.written, this.slowest());
    this.pieces = this.pieces.filter((piece) => piece.offset + piece.buffer.length > keepFrom);
    this.firstPiece = this.pieces[0]?.offset ?? this.received;
  }

  private slowest(): number {
    return Math.min(...[...this.followers].map((follower) => follower.offset));
  }

  private leaveBehind(offset: number): void {
    for (const follower of [...this.followers]) if (follower.offset <= offset) this.onStalled?.(follower);
  }

  private settledWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.idle.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  private settle(): void {
    const waiting = this.idle;
    this.idle = [];
    for (const resolve of waiting) resolve();
  }
}

function readAt(fd: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    fs.read(fd, buffer, 0, buffer.length, position, (error, count) => (error ? reject(error) : resolve(count))),
  );
}
