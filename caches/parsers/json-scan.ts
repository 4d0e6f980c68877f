/**
 * The strict pass over a JSON text (RFC 8259): is it one, and where do its larger containers end? One loop, no recursion, no
 * objects built; linear in the bytes. Kept apart from json.ts, which walks what was scanned.
 */
import { isUtf8 } from 'node:buffer';
import { DocumentError } from '../module';

/** Containers within containers at most; deeper texts are refused. */
const DEPTH_LIMIT = 512;
/** Ends are remembered for containers up to this depth (the root is 1) … */
const SHALLOW = 4;
/** … and at least this long; all others are cheaper to skip than to remember, and a hostile text cannot fill the memory. */
const WORTHWHILE_BYTES = 64;

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN_OBJECT = 0x7b;
export const OPEN_ARRAY = 0x5b;
const CLOSE_OBJECT = 0x7d;
export const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const UNDERSCORE = 0x5f;

/** Where large shallow containers begin and end, in order of their beginning. */
export class Spans {
  private offsets = new Int32Array(1024);
  private used = 0;
  private readonly open = new Int32Array(SHALLOW + 1);
  /** The entry behind the one found last: a walk goes forward. */
  private next = 0;

  begin(depth: number, at: number): void {
    if (depth > SHALLOW) return;
    if (this.used === this.offsets.length) {
      const larger = new Int32Array(this.used * 2);
      larger.set(this.offsets);
      this.offsets = larger;
    }
    this.offsets[this.used] = at;
    this.open[depth] = this.used;
    this.used += 2;
  }

  end(depth: number, at: number): void {
    if (depth > SHALLOW) return;
    const entry = this.open[depth] as number;
    // What is too short is forgotten; shorter ones inside it were forgotten before, so it is the last one.
    if (at - (this.offsets[entry] as number) < WORTHWHILE_BYTES) this.used = entry;
    else this.offsets[entry + 1] = at;
  }

  /** The offset behind the container that begins at `at`, or 0 if it was not remembered. */
  find(at: number): number {
    let low = 0;
    if (this.next < this.used && this.offsets[this.next] === at) {
      this.next += 2;
      return this.offsets[this.next - 1] as number;
    }
    let high = this.used / 2 - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const begin = this.offsets[2 * middle] as number;
      if (begin === at) {
        this.next = 2 * middle + 2;
        return this.offsets[2 * middle + 1] as number;
      }
      if (begin < at) low = middle + 1;
      else high = middle - 1;
    }
    return 0;
  }
}

/**
 * Checks the whole text and notes where its containers end.
 * @throws DocumentError if it is no JSON text, not UTF-8, nested deeper than DEPTH_LIMIT, or has a key `__proto__`
 */
export function scanJson(body: Buffer): Spans {
  if (!isUtf8(body)) throw new DocumentError('it is not UTF-8');
  const spans = new Spans();
  const inObject = new Uint8Array(DEPTH_LIMIT + 1);
  let depth = 0;
  let at = spaceEnd(body, 0);
  for (;;) {
    const first = body[at];
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (depth === DEPTH_LIMIT) throw new DocumentError(`it is nested deeper than ${DEPTH_LIMIT}`);
      inObject[++depth] = first === OPEN_OBJECT ? 1 : 0;
      spans.begin(depth, at);
      at = spaceEnd(body, at + 1);
      if (body[at] !== (first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        if (first === OPEN_OBJECT) at = keyEnd(body, at);
        continue;
      }
    } else {
      at = scalarEnd(body, at);
    }
    for (;;) {
      at = spaceEnd(body, at);
      if (depth === 0) {
        if (at < body.length) throw notJson(body, at);
        return spans;
      }
      if (body[at] === COMMA) {
        at = spaceEnd(body, at + 1);
        if (inObject[depth]) at = keyEnd(body, at);
        break;
      }
      if (body[at] !== (inObject[depth] ? CLOSE_OBJECT : CLOSE_ARRAY)) throw notJson(body, at);
      spans.end(depth--, ++at);
    }
  }
}

/** The offset of the first byte at or behind `at` that is no white space. */
export function spaceEnd(body: Buffer, at: number): number {
  let byte = body[at];
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = body[++at];
  return at;
}

/** A member's key and colon: the offset of its value. */
function keyEnd(body: Buffer, at: number): number {
  if (body[at] !== QUOTE) throw notJson(body, at);
  const end = stringEnd(body, at);
  const first = body[at + 1];
  // Escaped forms of `__proto__` begin with an underscore or a backslash too.
  if ((first === UNDERSCORE || first === BACKSLASH) && JSON.parse(body.toString('utf8', at, end)) === '__proto__') {
    throw new DocumentError('it has a key __proto__');
  }
  const colon = spaceEnd(body, end);
  if (body[colon] !== COLON) throw notJson(body, colon);
  return spaceEnd(body, colon + 1);
}

function scalarEnd(body: Buffer, at: number): number {
  switch (body[at]) {
    case QUOTE:
      return stringEnd(body, at);
    case 0x74:
      return literalEnd(body, at, 'true');
    case 0x66:
      return literalEnd(body, at, 'false');
    case 0x6e:
      return literalEnd(body, at, 'null');
    default:
      return numberEnd(body, at);
  }
}

function stringEnd(body: Buffer, at: number): number {
  for (at++; ;) {
    const byte = body[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at = escapeEnd(body, at);
    else if (byte >= 0x20) at++;
    else throw notJson(body, at);
  }
}

function escapeEnd(body: Buffer, at: number): number {
  const byte = body[at + 1] as number;
  if (byte === 0x75) {
    for (let digit = at + 2; digit < at + 6; digit++) if (!isHex(body[digit] as number)) throw notJson(body, digit);
    return at + 6;
  }
  // " \ / b f n r t
  if (byte === QUOTE || byte === BACKSLASH || byte === 0x2f) return at + 2;
  if (byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74) return at + 2;
  throw notJson(body, at + 1);
}

function literalEnd(body: Buffer, at: number, word: string): number {
  for (let n = 0; n < word.length; n++) if (body[at + n] !== word.charCodeAt(n)) throw notJson(body, at + n);
  return at + word.length;
}

function numberEnd(body: Buffer, at: number): number {
  if (body[at] === 0x2d) at++;
  at = body[at] === 0x30 ? at + 1 : digitsEnd(body, at);
  if (body[at] === 0x2e) at = digitsEnd(body, at + 1);
  if (body[at] === 0x65 || body[at] === 0x45) {
    at++;
    if (body[at] === 0x2b || body[at] === 0x2d) at++;
    at = digitsEnd(body, at);
  }
  return at;
}

function digitsEnd(body: Buffer, at: number): number {
  const begin = at;
  while (isDigit(body[at] as number)) at++;
  if (at === begin) throw notJson(body, at);
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function notJson(body: Buffer, at: number): DocumentError {
  return new DocumentError(at >= body.length ? 'it is cut off' : `it is not JSON (byte ${at})`);
}
