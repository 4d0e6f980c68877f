/**
 * The tags of an HTML text, one after the other, as the WHATWG tokenizer finds them (HTML §13.2.5), as far as pages of links need it:
 * start and end tags, attributes in every quoting, comments, bogus comments, raw text (script, style, title). No tree is built.
 *
 * Written here because pages of 100,000 links have to be read in a fraction of a second: the known packages decode every value and call
 * back for every token, while here nothing is copied that nobody asks for.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { DocumentError } from '../module';

/** Elements whose content is text up to their own end tag. */
const RAW_TEXT: ReadonlySet<string> = new Set(['script', 'style', 'title', 'textarea', 'xmp', 'iframe', 'noembed', 'noframes']);

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
/** The named references that registries write; others are left as they stand. Without `;` four of them count too (HTML §13.5). */
const REFERENCE = /&(?:#(\d{1,9})(?:;|(?!\d))|#[xX]([0-9A-Fa-f]{1,8})(?:;|(?![0-9A-Fa-f]))|(amp|lt|gt|quot)(?:;|(?![=\w]))|(apos|nbsp);)/g;

/** Attributes of one tag that are looked at: links have ten at most, and each is compared with those before it. */
const MOST_ATTRIBUTES = 100;

/** A cursor over the tags: call `next()` before each look. */
export class HtmlTags {
  /** Name of the current tag, lower case; of an end tag with a slash before it: `/a`. */
  name = '';
  /** Offset of the current tag's `<` … */
  start = 0;
  /** … and behind its `>`. */
  end = 0;
  /** One character a byte: offsets are offsets of the body. */
  private readonly text: string;
  /** Whether characters of more than one byte are in it. */
  private readonly isWide: boolean;
  /** Names of the current tag's attributes, lower case; of two with one name the first counts. Only of interesting elements. */
  readonly names: string[] = [];
  /** Their values as they stand in the source, not decoded; undefined if there is none. Used again for the next tag, as `names` is. */
  readonly raws: (string | undefined)[] = [];

  /** @param interesting names of the elements whose attributes are wanted */
  constructor(
    body: Buffer,
    private readonly interesting: readonly string[],
  ) {
    this.text = body.toString('latin1');
    this.isWide = !isAscii(body) && isUtf8(body);
  }

  /** Goes to the next start or end tag. @returns false if there is none @throws DocumentError if a tag or comment does not end */
  next(): boolean {
    const { text } = this;
    if (RAW_TEXT.has(this.name)) this.end = this.rawTextEnd();
    for (;;) {
      const start = text.indexOf('<', this.end);
      if (start < 0) return false;
      const first = text.charCodeAt(start + 1);
      const isEndTag = first === 0x2f;
      if (isLetter(isEndTag ? text.charCodeAt(start + 2) : first)) {
        this.start = start;
        const nameEnd = this.nameEnd(start + 1);
        this.name = text.slice(start + 1, nameEnd).toLowerCase();
        this.names.length = 0;
        this.raws.length = 0;
        this.end = this.tagEnd(nameEnd, this.interesting.includes(this.name));
        return true;
      }
      if (text.startsWith('<!--', start)) this.end = this.commentEnd(start);
      else if (first === 0x21 || first === 0x3f || isEndTag) this.end = this.after('>', start + 2);
      else this.end = start + 1;
    }
  }

  /** The current tag's attributes, decoded; '' for those without value. */
  attributes(): Map<string, string> {
    return new Map(this.names.map((name, n) => [name, this.decode(this.raws[n] ?? '')]));
  }

  /** The text from the current tag to the next `<`, decoded, without white space around it. */
  textAfter(): string {
    const end = this.text.indexOf('<', this.end);
    return this.decode(this.text.slice(this.end, end < 0 ? undefined : end)).trim();
  }

  /** A piece of the source: characters as UTF-8 where the body is that, references resolved. */
  decode(raw: string): string {
    const text = this.isWide && /[^\0-\x7f]/.test(raw) ? Buffer.from(raw, 'latin1').toString('utf8') : raw;
    return text.includes('&') ? text.replace(REFERENCE, resolveReference) : text;
  }

  /** Reads attributes up to the tag's end. @returns the offset behind its `>` */
  private tagEnd(at: number, isInteresting: boolean): number {
    const { text } = this;
    for (;;) {
      let code = text.charCodeAt(at);
      while (isSpace(code) || code === 0x2f) code = text.charCodeAt(++at);
      if (code === 0x3e) return at + 1;
      if (code !== code) return cutOff();
      const nameStart = at;
      // A name may begin with `=` and with nothing else that ends one (§13.2.5.32).
      do code = text.charCodeAt(++at);
      while (code === code && !isSpace(code) && code !== 0x2f && code !== 0x3e && code !== 0x3d);
      const nameEnd = at;
      while (isSpace(code)) code = text.charCodeAt(++at);
      let value: string | undefined;
      if (code === 0x3d) {
        do code = text.charCodeAt(++at);
        while (isSpace(code));
        if (code === 0x22 || code === 0x27) {
          const close = text.indexOf(code === 0x22 ? '"' : "'", at + 1);
          if (close < 0) return cutOff();
          if (isInteresting) value = text.slice(at + 1, close);
          at = close + 1;
        } else {
          const valueStart = at;
          while (code === code && !isSpace(code) && code !== 0x3e) code = text.charCodeAt(++at);
          if (isInteresting) value = text.slice(valueStart, at);
        }
      }
      if (!isInteresting) continue;
      const name = text.slice(nameStart, nameEnd).toLowerCase();
      if (this.names.length < MOST_ATTRIBUTES && !this.names.includes(name)) this.raws[this.names.push(name) - 1] = value;
    }
  }

  private nameEnd(at: number): number {
    const { text } = this;
    for (at++; ; at++) {
      const code = text.charCodeAt(at);
      if (isSpace(code) || code === 0x2f || code === 0x3e || code !== code) return at;
    }
  }

  /** Where the raw text of the current element ends: at its end tag. */
  private rawTextEnd(): number {
    const close = new RegExp(`</${this.name}[\\s/>]`, 'gi');
    close.lastIndex = this.end;
    return close.exec(this.text)?.index ?? this.text.length;
  }

  private commentEnd(start: number): number {
    const { text } = this;
    // `<!-->` and `<!--->` are empty comments.
    if (text.startsWith('>', start + 4)) return start + 5;
    if (text.startsWith('->', start + 4)) return start + 6;
    for (let at = text.indexOf('--', start + 4); at >= 0; at = text.indexOf('--', at + 1)) {
      if (text.charCodeAt(at + 2) === 0x3e) return at + 3;
      if (text.startsWith('!>', at + 2)) return at + 4;
    }
    return cutOff();
  }

  private after(character: string, from: number): number {
    const at = this.text.indexOf(character, from);
    return at < 0 ? cutOff() : at + 1;
  }
}

/** The value of an attribute as a piece of HTML in double quotes; also right for text. */
export function escapeHtml(text: string): string {
  return /[&<>"]/.test(text)
    ? text.replace(/[&<>"]/g, (one) => (one === '&' ? '&amp;' : one === '<' ? '&lt;' : one === '>' ? '&gt;' : '&quot;'))
    : text;
}

function resolveReference(all: string, decimal?: string, hex?: string, loose?: string, strict?: string): string {
  const name = loose ?? strict;
  if (name !== undefined) return NAMED[name] ?? all;
  const point = decimal === undefined ? parseInt(hex ?? '0', 16) : Number(decimal);
  const isCharacter = point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return isCharacter ? String.fromCodePoint(point) : '\ufffd';
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09 || code === 0x0c;
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function cutOff(): never {
  throw new DocumentError('it is cut off');
}
