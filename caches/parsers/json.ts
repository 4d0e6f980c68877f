/**
 * Walks the members of a JSON text without building objects: a codec finds the byte spans it wants to replace and splices
 * slices of the original, so that numbers, unknown fields and order stay as they are, and the memory needed is input + output.
 *
 * A key that stands twice in one object is no error (RFC 8259 §4 leaves it open, and registries have done it): the walk shows
 * every occurrence, and who asks by key takes the last one, as JSON.parse does.
 */
import { isAscii } from 'node:buffer';
import { DocumentError } from '../module';
import { BACKSLASH, CLOSE_ARRAY, OPEN_ARRAY, OPEN_OBJECT, QUOTE, scanJson, spaceEnd, type Spans } from './json-scan';

/** Bytes `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A whole, valid JSON text. */
export class JsonText {
  /** The root value. */
  readonly root: Span;
  private readonly spans: Spans;

  /** The body as a string, if it is read often and all ASCII: slices of it cost less than strings of their own. */
  private readonly ascii: string | undefined;

  /**
   * @param isReadOften many of its strings will be asked for and kept: worth a copy of the body as one string
   * @throws DocumentError if `body` is not valid (see scanJson)
   */
  constructor(
    readonly body: Buffer,
    isReadOften = false,
  ) {
    this.spans = scanJson(body);
    this.ascii = isReadOften && isAscii(body) ? body.toString('latin1') : undefined;
    const start = spaceEnd(body, 0);
    this.root = { start, end: this.valueEnd(start) };
  }

  /** The members of the object at a span; none if another kind of value stands there. */
  members(value: Span | undefined): Members {
    return new Members(this, value !== undefined && this.body[value.start] === OPEN_OBJECT ? value : EMPTY);
  }

  /** The elements of the array at a span; none if another kind of value stands there. */
  elements(value: Span | undefined): Elements {
    return new Elements(this, value !== undefined && this.isArray(value) ? value : EMPTY);
  }

  isObject(value: Span): boolean {
    return this.body[value.start] === OPEN_OBJECT;
  }

  isArray(value: Span): boolean {
    return this.body[value.start] === OPEN_ARRAY;
  }

  /** The string at a span, unescaped; undefined if another kind of value stands there. */
  text(value: Span | undefined): string | undefined {
    if (value === undefined || this.body[value.start] !== QUOTE) return undefined;
    return this.unquote(value.start, value.end);
  }

  /** Whether the literal `true` stands at a span. */
  isTrue(value: Span): boolean {
    return this.body[value.start] === 0x74;
  }

  /** Whether the literal `false` stands at a span. */
  isFalse(value: Span): boolean {
    return this.body[value.start] === 0x66;
  }

  /** The number at a span, as JavaScript has it; undefined if another kind of value stands there. */
  number(value: Span): number | undefined {
    const first = this.body[value.start] as number;
    if (first !== 0x2d && !(first >= 0x30 && first <= 0x39)) return undefined;
    return Number(this.body.toString('latin1', value.start, value.end));
  }

  /** Unescapes the string whose quotes are at `start` and `end - 1`. */
  unquote(start: number, end: number): string {
    if (this.ascii !== undefined) {
      const raw = this.ascii.slice(start + 1, end - 1);
      return raw.includes('\\') ? (JSON.parse(this.ascii.slice(start, end)) as string) : raw;
    }
    for (let at = start + 1; at < end - 1; at++) {
      if (this.body[at] === BACKSLASH) return JSON.parse(this.body.toString('utf8', start, end)) as string;
    }
    return this.body.toString('utf8', start + 1, end - 1);
  }

  /** The offset behind the value that begins at `at`. */
  valueEnd(at: number): number {
    const first = this.body[at];
    if (first === QUOTE) return this.stringEnd(at);
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) return this.spans.find(at) || this.containerEnd(at);
    // A number or literal ends at white space, comma, bracket or the end of the text.
    for (at++; ; at++) {
      const byte = this.body[at] as number;
      if (!(byte > 0x20) || byte === 0x2c || byte === 0x5d || byte === 0x7d) return at;
    }
  }

  private stringEnd(at: number): number {
    for (at++; this.body[at] !== QUOTE;) at += this.body[at] === BACKSLASH ? 2 : 1;
    return at + 1;
  }

  private containerEnd(at: number): number {
    let depth = 0;
    for (;;) {
      const byte = this.body[at] as number;
      if (byte === QUOTE) {
        at = this.stringEnd(at);
        continue;
      }
      at++;
      // `[` and `{` differ from `]` and `}` by 2, and from each other by 0x20.
      if ((byte | 0x20) === OPEN_OBJECT) depth++;
      else if ((byte | 0x20) === 0x7d && --depth === 0) return at;
    }
  }
}

const EMPTY: Span = { start: 0, end: 0 };

/** A cursor over the members of one object: call `next()` before each look. It is the current member's value as a span. */
class Members implements Span {
  /** The current key, from its quote … */
  keyStart = 0;
  /** … to behind its quote. */
  keyEnd = 0;
  /** The current value. */
  start = 0;
  end = 0;
  private at: number;

  constructor(
    private readonly json: JsonText,
    object: Span,
  ) {
    this.at = object.end === 0 ? 0 : object.start + 1;
  }

  /** Goes to the next member. @returns false if there is none */
  next(): boolean {
    if (this.at === 0) return false;
    const { body } = this.json;
    const at = spaceEnd(body, this.at);
    if (body[at] !== QUOTE) {
      this.at = 0;
      return false;
    }
    this.keyStart = at;
    this.keyEnd = this.json.valueEnd(at);
    this.start = spaceEnd(body, spaceEnd(body, this.keyEnd) + 1);
    this.end = this.json.valueEnd(this.start);
    const comma = spaceEnd(body, this.end);
    this.at = body[comma] === 0x2c ? comma + 1 : 0;
    return true;
  }

  /** Which of the names the current key is, if any; makes no string unless the key has escapes. */
  among(names: Names): string | undefined {
    const { body } = this.json;
    const start = this.keyStart + 1;
    const end = this.keyEnd - 1;
    for (let at = start; at < end; at++) {
      if (body[at] === BACKSLASH) return names.find(this.key);
    }
    return names.findBytes(body, start, end);
  }

  /** The current key, unescaped. */
  get key(): string {
    return this.json.unquote(this.keyStart, this.keyEnd);
  }

  /** The current value's span, which stays when the cursor moves on. */
  get span(): Span {
    return { start: this.start, end: this.end };
  }
}

/** A cursor over the elements of one array: call `next()` before each look. It is the current element as a span. */
class Elements implements Span {
  start = 0;
  end = 0;
  private at: number;

  constructor(
    private readonly json: JsonText,
    array: Span,
  ) {
    this.at = array.end === 0 ? 0 : array.start + 1;
  }

  /** Goes to the next element. @returns false if there is none */
  next(): boolean {
    if (this.at === 0) return false;
    const { body } = this.json;
    this.start = spaceEnd(body, this.at);
    if (body[this.start] === CLOSE_ARRAY) {
      this.at = 0;
      return false;
    }
    this.end = this.json.valueEnd(this.start);
    const comma = spaceEnd(body, this.end);
    this.at = body[comma] === 0x2c ? comma + 1 : 0;
    return true;
  }

  /** The current element's span, which stays when the cursor moves on. */
  get span(): Span {
    return { start: this.start, end: this.end };
  }
}

/** A closed set of (ASCII) keys that a walk looks for. */
export class Names {
  private readonly byLength: string[][] = [];

  constructor(...names: readonly string[]) {
    for (const name of names) (this.byLength[name.length] ??= []).push(name);
  }

  find(key: string): string | undefined {
    return this.byLength[key.length]?.find((name) => name === key);
  }

  /** The name that stands at these bytes. */
  findBytes(body: Buffer, start: number, end: number): string | undefined {
    const candidates = this.byLength[end - start];
    if (candidates) for (const name of candidates) if (standsAt(body, start, name)) return name;
    return undefined;
  }
}

function standsAt(body: Buffer, start: number, name: string): boolean {
  for (let n = 0; n < name.length; n++) if (body[start + n] !== name.charCodeAt(n)) return false;
  return true;
}

/** The root object of a document. @throws DocumentError if the body is no JSON object */
export function jsonObject(body: Buffer, isReadOften = false): JsonText {
  const json = new JsonText(body, isReadOften);
  if (!json.isObject(json.root)) throw new DocumentError('it is not a JSON object');
  return json;
}
