/**
 * The cleartext signature framework of OpenPGP (RFC 9580 §7): a text and its signature in one file, as an InRelease is. Taken apart
 * here and not by gpgv, which passes over whatever stands outside the frame: what is verified is then exactly what is read. Pure.
 */

const BEGIN_MESSAGE = '-----BEGIN PGP SIGNED MESSAGE-----';
const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const END_SIGNATURE = '-----END PGP SIGNATURE-----';
const NEWLINE = 0x0a;
const DASH = 0x2d;

export interface SignedText {
  /** What is signed: dash-escapes undone, white space at the ends of lines gone (§7.2), ending in a newline that is not signed. */
  readonly text: Buffer;
  /** The signatures, armored. */
  readonly signature: Buffer;
}

/** @returns a short English clause if the document is not one whole frame and nothing else */
export function splitCleartext(document: Buffer): SignedText | string {
  const lines = new Lines(document);
  if (lines.next() !== BEGIN_MESSAGE) return 'it does not begin with the signed part';
  for (let header = lines.next(); header !== ''; header = lines.next())
    if (header === undefined || !/^Hash: [\w, -]+$/.test(header)) return 'the signed part has other headers than Hash';
  // Taking away never makes it longer, but for the last newline.
  const text = Buffer.allocUnsafe(document.length + 1);
  let length = 0;
  for (;;) {
    if (!lines.advance()) return 'the signed part has no end';
    let { from } = lines;
    if (document[from] === DASH && from < lines.to) {
      if (lines.text() === BEGIN_SIGNATURE) break;
      if (document[from + 1] !== 0x20) return 'the signed part has a line that is not dash-escaped';
      from += 2;
    }
    length += document.copy(text, length, from, Math.max(from, lines.to));
    text[length++] = NEWLINE;
  }
  const signature = document.subarray(lines.from);
  for (let inside = true, line = lines.next(); line !== undefined; line = lines.next()) {
    if (line === END_SIGNATURE && inside) inside = false;
    else if (line === BEGIN_SIGNATURE && !inside) inside = true;
    else if (!inside && line !== '') return 'there is text behind the signature';
  }
  return { text: text.subarray(0, length), signature };
}

/** Walks the lines of a body without making strings of them. White space at their ends counts as nothing. */
class Lines {
  /** The line stands in [from, to). */
  from = 0;
  to = 0;
  private following = 0;

  constructor(private readonly bytes: Buffer) {}

  /** @returns whether there is another line */
  advance(): boolean {
    if (this.following >= this.bytes.length) return false;
    this.from = this.following;
    const newline = this.bytes.indexOf(NEWLINE, this.from);
    this.to = newline < 0 ? this.bytes.length : newline;
    this.following = this.to + 1;
    while (this.to > this.from && isBlank(this.bytes[this.to - 1])) this.to--;
    return true;
  }

  /** The line as text, at most 200 characters of it: all that frames need. */
  text(): string {
    return this.bytes.toString('latin1', this.from, Math.min(this.to, this.from + 200));
  }

  next(): string | undefined {
    return this.advance() ? this.text() : undefined;
  }
}

/** Space, tab and carriage return. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
