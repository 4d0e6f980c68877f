/**
 * A streaming reader of deb822 (deb822(5)): stanzas of `Field: value` lines with continuation lines, an empty line between them. It works
 * on the bytes and makes strings only of the fields that are asked for, so that 60,000 stanzas cost well below a second; what it keeps
 * is one unfinished line.
 */
import { DocumentError } from '../module';

/** Longest line; the longest real ones (dependencies of metapackages) are below 64 KiB. */
const LINE_LIMIT_BYTES = 1024 * 1024;
const STANZA_LIMIT_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;
const HASH = 0x23;
const TILDE = 0x7e;

/** Who is told what stands in the stanzas. */
export interface StanzaHandler {
  /** Fields of interest, in lower case; all others are skipped. */
  readonly fields: readonly string[];
  /** A line of a field: its own (perhaps empty), then each continuation. Bytes as latin1, without white space around them. */
  line(field: number, text: string): void;
  /** The stanza is over. */
  end(): void;
}

/** Reads all stanzas of a file. @throws DocumentError: no deb822, a line over 1 MiB, a stanza over 4 MiB; whatever `chunks` throws */
export async function readStanzas(chunks: AsyncIterable<Buffer>, handler: StanzaHandler): Promise<void> {
  const reader = new StanzaReader(handler);
  for await (const chunk of chunks) reader.chunk(chunk);
  reader.finish();
}

const NONE = -1;
const SKIPPED = -2;

class StanzaReader {
  /** The beginning of a line whose end has not come yet; grows by doubling, up to the limit. */
  private carry = Buffer.allocUnsafe(4096);
  private carried = 0;
  private stanzaBytes = 0;
  /** Field of the line before. */
  private field = NONE;
  /** Names of interest by their length. */
  private readonly byLength: (readonly (readonly [index: number, name: Buffer])[])[] = [];

  constructor(private readonly handler: StanzaHandler) {
    handler.fields.forEach((name, index) => {
      this.byLength[name.length] = [...(this.byLength[name.length] ?? []), [index, Buffer.from(name, 'latin1')]];
    });
  }

  chunk(chunk: Buffer): void {
    let from = 0;
    if (this.carried > 0) {
      const end = chunk.indexOf(NEWLINE);
      this.keep(chunk, 0, end < 0 ? chunk.length : end);
      if (end < 0) return;
      const length = this.carried;
      this.carried = 0;
      this.line(this.carry, 0, length);
      from = end + 1;
    }
    for (let end = chunk.indexOf(NEWLINE, from); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.line(chunk, from, end);
      from = end + 1;
    }
    this.keep(chunk, from, chunk.length);
  }

  finish(): void {
    if (this.carried > 0) this.line(this.carry, 0, this.carried);
    this.endStanza();
  }

  private keep(chunk: Buffer, from: number, to: number): void {
    const length = this.carried + to - from;
    if (length > LINE_LIMIT_BYTES) throw new DocumentError('it has a line over 1 MiB');
    if (length > this.carry.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, this.carry.length * 2));
      this.carry.copy(larger, 0, 0, this.carried);
      this.carry = larger;
    }
    chunk.copy(this.carry, this.carried, from, to);
    this.carried = length;
  }

  private line(bytes: Buffer, from: number, lineEnd: number): void {
    const to = lineEnd > from && bytes[lineEnd - 1] === RETURN ? lineEnd - 1 : lineEnd;
    if (to === from) return this.endStanza();
    this.stanzaBytes += to - from + 1;
    if (to - from > LINE_LIMIT_BYTES) throw new DocumentError('it has a line over 1 MiB');
    if (this.stanzaBytes > STANZA_LIMIT_BYTES) throw new DocumentError('it has a stanza over 4 MiB');
    const first = bytes[from] as number;
    if (first === SPACE || first === TAB) {
      if (this.field === NONE) throw new DocumentError('it has a continuation of nothing');
      if (this.field !== SKIPPED) this.handler.line(this.field, trimmed(bytes, from, to));
      return;
    }
    if (first === HASH) return;
    let colon = from;
    for (let byte = first; byte !== COLON; byte = bytes[colon] as number) {
      if (byte <= SPACE || byte > TILDE || ++colon === to) throw new DocumentError('it has a line without a field name');
    }
    if (colon === from) throw new DocumentError('it has a line without a field name');
    this.field = this.fieldOf(bytes, from, colon);
    if (this.field !== SKIPPED) this.handler.line(this.field, trimmed(bytes, colon + 1, to));
  }

  private fieldOf(bytes: Buffer, from: number, to: number): number {
    const candidates = this.byLength[to - from];
    if (candidates)
      for (const [index, name] of candidates) {
        let at = 0;
        // Field names are not case-sensitive; the bit makes capitals small and leaves `-` and digits alone.
        while (at < name.length && ((bytes[from + at] as number) | 0x20) === name[at]) at++;
        if (at === name.length) return index;
      }
    return SKIPPED;
  }

  private endStanza(): void {
    this.stanzaBytes = 0;
    if (this.field === NONE) return;
    this.field = NONE;
    this.handler.end();
  }
}

function trimmed(bytes: Buffer, from: number, to: number): string {
  let begin = from;
  let end = to;
  while (begin < end && isBlank(bytes[begin] as number)) begin++;
  while (end > begin && isBlank(bytes[end - 1] as number)) end--;
  return bytes.toString('latin1', begin, end);
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
