/**
 * The bytes of a held object, checked chunk by chunk before they leave (ranges check only the chunks they touch). What was checked
 * is trusted for a while as long as the file is demonstrably the same one.
 */
import * as fs from 'node:fs';
import { errorCode, errorText, isLarderError, LarderError } from '../../errors';
import { verifyChunk, verifyWhole } from '../../integrity/digest';
import { CHUNK_BYTES, type Entry } from '../../store/entry';
import type { BodySource } from './body-source';
import type { EngineRooms } from '../rooms';

/** Bytes a read: four chunks. */
const READ_BYTES = 4 * CHUNK_BYTES;
/** How long a check is believed while device, inode, size, mtime and ctime stay the same. */
const TRUST_MS = 10 * 60 * 1000;
const MOST_TRUSTED = 2_000;
/** Files that cannot be opened are logged after a minute without one. */
const COMPLAIN_MS = 60_000;
/** Read buffers kept for the next read: fresh memory costs a page fault per 4 KiB, more than the read itself. */
const MOST_SPARE = 16;
/** Bodies up to this size are read in one synchronous go: a page-cache read is cheaper than a trip through the thread pool. */
export const SMALL_BYTES = CHUNK_BYTES;

interface Trust {
  readonly identity: string;
  readonly untilMs: number;
  readonly good: Uint8Array;
}

export class HeldBodies {
  private readonly trusted = new Map<string, Trust>();
  private readonly spare: Buffer[] = [];
  private complainedAt = -Infinity;

  constructor(private readonly rooms: EngineRooms) {}

  /** A small body, whole and checked. @throws LarderError integrity (look again: they are gone or quarantined) | held-unreadable */
  async readSmall(entry: Entry): Promise<Buffer> {
    let body: Buffer | undefined;
    try {
      body = readWhole(this.rooms.store.contentPath(entry.integrity), entry.size);
    } catch (error) {
      return this.unopened(entry, errorCode(error) ?? errorText(error));
    }
    if (body && verifyWhole(entry.chunks, body)) return body;
    return this.condemn(entry, body ? 'checksum' : 'length');
  }

  /** A body of any size. @throws LarderError integrity (look again: they are gone or quarantined) | held-unreadable */
  async open(entry: Entry): Promise<BodySource> {
    let fd: number;
    try {
      fd = fs.openSync(this.rooms.store.contentPath(entry.integrity), 'r');
    } catch (error) {
      return this.unopened(entry, errorCode(error) ?? errorText(error));
    }
    const stat = fs.fstatSync(fd, { bigint: true });
    if (Number(stat.size) !== entry.size) {
      fs.closeSync(fd);
      return this.condemn(entry, 'length');
    }
    const identity = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
    return this.sourceOf(entry, fd, this.trustIn(entry, identity));
  }

  private sourceOf(entry: Entry, fd: number, trust: Trust): BodySource {
    const checksums = Buffer.from(entry.chunks, 'base64');
    let open = true;
    let reading = 0;
    const closeWhenIdle = (): void => {
      if (!open && reading === 0) fs.closeSync(fd);
    };
    return {
      size: entry.size,
      isHeld: true,
      read: async (offset, end) => {
        const stop = Math.min(end, entry.size);
        if (!open || offset >= stop) return Buffer.alloc(0);
        const from = offset - (offset % CHUNK_BYTES);
        const to = Math.min(entry.size, from + READ_BYTES, Math.ceil(stop / CHUNK_BYTES) * CHUNK_BYTES);
        reading++;
        try {
          const piece = await readAt(fd, this.spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES), from, to - from);
          if (piece.length !== to - from || !this.check(piece, from, checksums, trust)) return await this.condemn(entry, 'checksum');
          return piece.subarray(offset - from, Math.min(stop, to) - from);
        } finally {
          reading--;
          closeWhenIdle();
        }
      },
      release: (piece) => {
        if (this.spare.length < MOST_SPARE && piece.buffer.byteLength === READ_BYTES) this.spare.push(Buffer.from(piece.buffer));
      },
      close: () => {
        if (!open) return;
        open = false;
        closeWhenIdle();
      },
    };
  }

  private check(piece: Buffer, from: number, checksums: Buffer, trust: Trust): boolean {
    for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
      const index = (from + at) / CHUNK_BYTES;
      if (trust.good[index] === 1) continue;
      if (!verifyChunk(checksums, index, piece.subarray(at, at + CHUNK_BYTES))) return false;
      trust.good[index] = 1;
    }
    return true;
  }

  private trustIn(entry: Entry, identity: string): Trust {
    const now = this.rooms.now();
    const known = this.trusted.get(entry.integrity);
    if (known && known.identity === identity && known.untilMs > now) return known;
    const trust = { identity, untilMs: now + TRUST_MS, good: new Uint8Array(Math.ceil(entry.size / CHUNK_BYTES)) };
    if (this.trusted.size >= MOST_TRUSTED) this.trusted.delete(this.trusted.keys().next().value as string);
    this.trusted.set(entry.integrity, trust);
    return trust;
  }

  /** What follows when somebody else could not read the bytes of an entry. @throws what happened, as `open` would */
  unread(entry: Entry, error: unknown): Promise<never> {
    if (!isLarderError(error)) return Promise.reject(error as Error);
    if (error.code === 'integrity') return this.condemn(entry, 'digest');
    if (error.code === 'held-unreadable') return this.unopened(entry, String(error.facts['reason']));
    return Promise.reject(error);
  }

  /** Only wrong bytes are evidence of damage: a file that is gone was most likely evicted, one that cannot be opened may be good. */
  private async unopened(entry: Entry, code: string): Promise<never> {
    const { store, log, now: clock } = this.rooms;
    if (code !== 'ENOENT') {
      if (Math.abs(clock() - this.complainedAt) >= COMPLAIN_MS) log.error('held-bytes-unreadable', { entry: entry.key, reason: code });
      this.complainedAt = clock();
      throw new LarderError('held-unreadable', { target: entry.key, reason: code });
    }
    const now = await store.find(entry.key);
    if (now?.integrity === entry.integrity && !fs.existsSync(store.contentPath(entry.integrity))) return this.condemn(entry, 'missing');
    throw new LarderError('integrity', { target: entry.key, expected: entry.integrity, got: 'nothing: it was removed meanwhile' });
  }

  private async condemn(entry: Entry, reason: string): Promise<never> {
    this.trusted.delete(entry.integrity);
    this.rooms.log.error('held-bytes-damaged', { key: entry.key, integrity: entry.integrity, reason });
    await this.rooms.store
      .quarantine(entry.integrity)
      .catch((error: unknown) => this.rooms.log.error('quarantine-failed', { reason: String(error) }));
    throw new LarderError('integrity', { target: entry.key, expected: entry.integrity, got: `damaged bytes (${reason})` });
  }
}

/** The whole file if it has exactly the length expected. @throws NodeJS.ErrnoException */
function readWhole(path: string, size: number): Buffer | undefined {
  const fd = fs.openSync(path, 'r');
  try {
    // One byte more than expected shows a file that is too long without a stat.
    const body = Buffer.allocUnsafe(size + 1);
    const read = fs.readSync(fd, body, 0, size + 1, 0);
    return read === size ? body.subarray(0, size) : undefined;
  } finally {
    fs.closeSync(fd);
  }
}

function readAt(fd: number, into: Buffer, position: number, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    fs.read(fd, into, 0, length, position, (error, count) => (error ? reject(error) : resolve(into.subarray(0, count)))),
  );
}
