/** Puts a new body together from slices of the old one and new text, in one allocation. */
import type { Span } from './json';

export class Splice {
  /** Slices as start and end; new text as -1 and its index. */
  private readonly pieces: number[] = [];
  private readonly texts: string[] = [];
  private bytes = 0;

  constructor(private readonly body: Buffer) {}

  copy(start: number, end: number): this {
    if (end <= start) return this;
    this.bytes += end - start;
    const last = this.pieces.length - 1;
    // A slice that goes on where the last one ended is one slice with it.
    if (last > 0 && this.pieces[last] === start && (this.pieces[last - 1] as number) >= 0) this.pieces[last] = end;
    else this.pieces.push(start, end);
    return this;
  }

  text(text: string): this {
    this.pieces.push(-1, this.texts.push(text) - 1);
    this.bytes += Buffer.byteLength(text);
    return this;
  }

  toBuffer(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.bytes);
    let at = 0;
    for (let n = 0; n < this.pieces.length; n += 2) {
      const start = this.pieces[n] as number;
      const rest = this.pieces[n + 1] as number;
      at += start < 0 ? out.write(this.texts[rest] as string, at) : this.body.copy(out, at, start, rest);
    }
    return out;
  }
}

/** A slice of the old body that is to be replaced by `text`. */
export interface Edit extends Span {
  readonly text: string;
}

/** Copies a span of the old body with those edits that lie in it; edits are in order and do not overlap. */
export function copyEdited(splice: Splice, span: Span, edits: readonly Edit[]): void {
  let at = span.start;
  for (const edit of edits) {
    if (edit.start < span.start || edit.end > span.end) continue;
    splice.copy(at, edit.start).text(edit.text);
    at = edit.end;
  }
  splice.copy(at, span.end);
}
