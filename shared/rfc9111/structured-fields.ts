/** Structured Field Values, RFC 8941: dictionaries are read (§4.2.2), strings and keys written (§4.1). Lenient nowhere: an error undoes the whole. */

/** A bare item; `inner` stands for an inner list, whose members nobody here needs. */
export type BareItem =
  | { readonly type: 'integer' | 'decimal'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'bytes'; readonly value: string }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'inner' };

/** A place in a text. Patterns are sticky, so that each character is looked at a bounded number of times. */
class Cursor {
  at = 0;
  constructor(readonly text: string) {}
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }
  get ended(): boolean {
    return this.at >= this.text.length;
  }
}

const KEY = /[a-z*][\w\-.*]*/y;
const NUMBER = /-?\d+(?:\.\d*)?/y;
const STRING = /"(?:[ !#-[\]-~]|\\["\\])*"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~\w:/]*/y;
const BYTES = /:[A-Za-z0-9+/=]*:/y;
const BOOLEAN = /\?[01]/y;

/** @returns members by key, the last of one name; undefined where it is not a dictionary (§4.2) */
export function dictionary(text: string): ReadonlyMap<string, BareItem> | undefined {
  const members = new Map<string, BareItem>();
  const cursor = new Cursor(text);
  cursor.take(/ */y);
  while (!cursor.ended) {
    const key = keyAt(cursor);
    if (key === undefined) return undefined;
    const value: BareItem | undefined = cursor.take(/=/y) === undefined ? { type: 'boolean', value: true } : memberAt(cursor);
    if (value === undefined || !parametersAt(cursor)) return undefined;
    members.set(key, value);
    cursor.take(/[ \t]*/y);
    if (cursor.ended) return members;
    if (cursor.take(/,[ \t]*/y) === undefined || cursor.ended) return undefined;
  }
  return members;
}

function keyAt(cursor: Cursor): string | undefined {
  const key = cursor.take(KEY);
  return key === undefined || /[A-Z]/.test(key) ? undefined : key;
}

function memberAt(cursor: Cursor): BareItem | undefined {
  if (cursor.take(/\(/y) === undefined) return itemAt(cursor);
  for (;;) {
    cursor.take(/ */y);
    if (cursor.take(/\)/y) !== undefined) return { type: 'inner' };
    if (itemAt(cursor) === undefined || !parametersAt(cursor)) return undefined;
    if (!/[ )]/.test(cursor.text[cursor.at] ?? '')) return undefined;
  }
}

/** Parameters are read and left aside (RFC 9213 §2.1). @returns false: an error */
function parametersAt(cursor: Cursor): boolean {
  while (cursor.take(/; */y) !== undefined) {
    if (keyAt(cursor) === undefined) return false;
    if (cursor.take(/=/y) !== undefined && itemAt(cursor) === undefined) return false;
  }
  return true;
}

function itemAt(cursor: Cursor): BareItem | undefined {
  const number = cursor.take(NUMBER);
  if (number !== undefined) return numberOf(number);
  const string = cursor.take(STRING);
  if (string !== undefined) return { type: 'string', value: string.slice(1, -1).replace(/\\(.)/g, '$1') };
  const token = cursor.take(TOKEN);
  if (token !== undefined) return { type: 'token', value: token };
  const bytes = cursor.take(BYTES);
  if (bytes !== undefined) return { type: 'bytes', value: bytes.slice(1, -1) };
  const boolean = cursor.take(BOOLEAN);
  return boolean === undefined ? undefined : { type: 'boolean', value: boolean === '?1' };
}

/** At most 15 digits, or 12 before and 3 behind the point (§4.2.4). */
function numberOf(text: string): BareItem | undefined {
  const [whole = '', fraction] = text.replace('-', '').split('.');
  if (fraction === undefined) return whole.length > 15 ? undefined : { type: 'integer', value: Number(text) };
  if (whole.length > 12 || fraction.length === 0 || fraction.length > 3) return undefined;
  return { type: 'decimal', value: Number(text) };
}

/** A String (§4.1.6); what a String cannot carry is percent-encoded. */
export function writtenString(text: string): string {
  const ascii = text.replace(/[^ -~]/gu, (character) => {
    try {
      return encodeURIComponent(character);
    } catch {
      return '%EF%BF%BD'; // half a surrogate pair has no encoding
    }
  });
  return `"${ascii.replace(/["\\]/g, '\\$&')}"`;
}
