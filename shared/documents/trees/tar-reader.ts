/** A tar archive that comes piece by piece, entry by entry. Nothing is gathered but extended headers, which are bounded. */
import { TreeError } from './git-tree';
import {
  BLOCK_BYTES,
  readLongName,
  readTarHeader,
  readTarRecords,
  type TarExtension,
  type TarHeader,
  type TarKind,
  type TarRecords,
} from './tar-header';

/** Headers, extended ones included: as many as the names of a tree, each with an extended one, and then some. The same again and again takes no room. */
const MOST_HEADERS = 3_000_000;
/** Records of an extended header, and long names. */
const MOST_EXTENSION_BYTES = 4 * 1024 * 1024;

/** Names and targets are bytes, as latin1 text. Only files have a size. */
export interface TarEntry extends Omit<TarHeader, 'kind'> {
  readonly kind: TarKind;
}

/** What is done with the content of an entry. */
export interface TarContent {
  /** Told of each piece, in order. */
  data(bytes: Buffer): void;
  /** That was all of it. */
  end(): void;
}

export class TarReader {
  private entries = 0;
  private headers = 0;
  private isOver = false;
  /** A header of which the rest is to come. */
  private readonly block = Buffer.alloc(BLOCK_BYTES);
  private filled = 0;
  /** Bytes of content, and of padding, that are still to come. */
  private missing = 0;
  private padding = 0;
  private content: TarContent | undefined;
  /** What extended headers said of the next entry, and which there were. */
  private records: TarRecords = {};
  private readonly extensions = new Set<TarExtension>();

  /** @param onEntry gives what is to be done with its content; may throw TreeError, as what it gives may */
  constructor(
    private readonly onEntry: (entry: TarEntry) => TarContent | undefined,
    private readonly mostHeaders = MOST_HEADERS,
  ) {}

  /** @throws TreeError what is wrong with it; then it is over */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.isOver) {
        // Programs stop at the end of the archive, or do not: they would unpack different things.
        if (bytes.subarray(at).some((byte) => byte !== 0)) throw new TreeError('something stands behind the end of the archive');
        return;
      }
      if (this.missing > 0) {
        const taken = Math.min(this.missing, bytes.length - at);
        this.missing -= taken;
        this.content?.data(bytes.subarray(at, at + taken));
        at += taken;
        if (this.missing === 0) this.endContent();
      } else if (this.padding > 0) {
        const taken = Math.min(this.padding, bytes.length - at);
        this.padding -= taken;
        at += taken;
      } else {
        const taken = Math.min(BLOCK_BYTES - this.filled, bytes.length - at);
        const isWhole = taken === BLOCK_BYTES;
        if (!isWhole) bytes.copy(this.block, this.filled, at, at + taken);
        this.filled = (this.filled + taken) % BLOCK_BYTES;
        if (this.filled === 0) this.header(isWhole ? bytes.subarray(at, at + BLOCK_BYTES) : this.block);
        at += taken;
      }
    }
  }

  /** There is no more of it. @throws TreeError if that cannot be */
  finish(): void {
    if (this.filled > 0 || this.missing > 0 || this.padding > 0 || this.extensions.size > 0)
      throw new TreeError('Unexpected end of the archive');
    if (this.entries === 0) throw new TreeError('it is no tar archive, or an empty one');
  }

  private header(block: Buffer): void {
    if (block[0] === 0 && block.every((byte) => byte === 0)) {
      if (this.extensions.size > 0) throw new TreeError('an extended header is of nothing');
      this.isOver = true;
      return;
    }
    if (++this.headers > this.mostHeaders) throw new TreeError(`it has more than ${this.mostHeaders} headers`);
    const { kind, ...header } = readTarHeader(block);
    if (kind === 'records' || kind === 'global' || kind === 'long-name' || kind === 'long-link') this.extension(kind, header.size);
    else this.entry({ kind, ...header });
  }

  private extension(kind: TarExtension, size: number): void {
    if (size > MOST_EXTENSION_BYTES) throw new TreeError(`an extended header has more than ${MOST_EXTENSION_BYTES} bytes`);
    if (this.extensions.has(kind)) throw new TreeError('an entry has two extended headers of one kind');
    if (kind !== 'global') this.extensions.add(kind);
    const pieces: Buffer[] = [];
    this.expect(size, {
      data: (bytes) => void pieces.push(Buffer.from(bytes)),
      end: () => this.extended(kind, Buffer.concat(pieces)),
    });
  }

  private extended(kind: TarExtension, data: Buffer): void {
    const said: TarRecords = kind === 'records' || kind === 'global' ? readTarRecords(data.toString('latin1'), kind === 'global') : {};
    if (kind === 'long-name') said.name = readLongName(data);
    if (kind === 'long-link') said.link = readLongName(data);
    const isTwice =
      (said.name !== undefined && this.records.name !== undefined) || (said.link !== undefined && this.records.link !== undefined);
    if (isTwice) throw new TreeError('the name of an entry is ambiguous');
    this.records = { ...this.records, ...said };
  }

  private entry(header: TarEntry): void {
    const entry = { ...header, ...this.records };
    this.records = {};
    this.extensions.clear();
    this.entries++;
    if (entry.kind !== 'file' && entry.kind !== 'other' && entry.size > 0) throw new TreeError('an entry that is no file has content');
    this.expect(entry.size, this.onEntry(entry));
  }

  private expect(size: number, content: TarContent | undefined): void {
    this.missing = size;
    this.padding = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
    this.content = content;
    if (size === 0) this.endContent();
  }

  private endContent(): void {
    const { content } = this;
    this.content = undefined;
    content?.end();
  }
}
