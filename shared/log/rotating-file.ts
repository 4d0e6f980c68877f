/**
 * A file that lines are appended to in batches and that is replaced when it is full: `npm.log`, `npm.log.1` … `.9`.
 * Several processes may write the same file: each looks whether the path still is the file it has open, so that only one
 * of them rotates. Writing never throws; what cannot be written (disk full) is dropped and counted.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';

export interface RotatingFileOptions {
  readonly path: string;
  /** Size at which a file is put aside, in bytes. */
  readonly maxBytes: number;
  /** Files kept, with the current one. */
  readonly files: number;
}

export class RotatingFile {
  private descriptor: number;
  private writing: Promise<void> | undefined;
  /** Lines that could not be written. */
  dropped = 0;

  /** @throws NodeJS.ErrnoException if the folder or the file cannot be made */
  constructor(private readonly options: RotatingFileOptions) {
    fs.mkdirSync(dirname(options.path), { recursive: true, mode: 0o750 });
    this.descriptor = this.open();
  }

  /** Whether a write is under way; then the caller keeps collecting. */
  get busy(): boolean {
    return this.writing !== undefined;
  }

  /** Appends without blocking. Not to be called while `busy`. */
  write(text: Buffer): Promise<void> {
    this.rotateIfFull();
    this.writing = new Promise((resolve) => {
      fs.write(this.descriptor, text, 0, text.length, null, (error, written) => {
        this.writing = undefined;
        if (error) this.dropped++;
        else if (written < text.length) this.writeSync(text.subarray(written));
        resolve();
      });
    });
    return this.writing;
  }

  /** Appends before it returns: for the exit of the process. */
  writeSync(text: Buffer): void {
    try {
      this.rotateIfFull();
      for (let at = 0; at < text.length;) at += fs.writeSync(this.descriptor, text, at);
    } catch {
      this.dropped++;
    }
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }

  private open(): number {
    return fs.openSync(this.options.path, 'a', 0o640);
  }

  // Three system calls a batch (at most ten batches a second when quiet), none a line.
  private rotateIfFull(): void {
    try {
      const mine = fs.fstatSync(this.descriptor);
      const current = fs.statSync(this.options.path, { throwIfNoEntry: false });
      if (current?.ino === mine.ino && mine.size < this.options.maxBytes) return;
      if (current && current.ino === mine.ino) this.shift();
      const before = this.descriptor;
      this.descriptor = this.open();
      fs.closeSync(before);
    } catch {
      // Better a file that grows than a request that fails.
    }
  }

  private shift(): void {
    const { path, files } = this.options;
    for (let age = files - 1; age > 0; age--) {
      const from = age === 1 ? path : `${path}.${age - 1}`;
      if (fs.existsSync(from)) fs.renameSync(from, `${path}.${age}`);
    }
  }
}
