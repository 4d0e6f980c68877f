/** Field lines by name, and lists as RFC 9110 §5.6.1 writes them. */
import type { Fields } from './message';

/** Values of all lines of `name`, in order, without surrounding white space. @param name lower case */
export function linesOf(fields: Fields, name: string): readonly string[] {
  const found: string[] = [];
  for (const [key, value] of fields) {
    if (key.length === name.length && key.toLowerCase() === name) found.push(trimmed(value));
  }
  return found;
}

/** The first line of `name`: how fields that are to occur once are read when they occur twice. @param name lower case */
export function firstOf(fields: Fields, name: string): string | undefined {
  return linesOf(fields, name)[0];
}

/** The field's value: its lines joined (RFC 9110 §5.3); undefined where there is none. @param name lower case */
export function valueOf(fields: Fields, name: string): string | undefined {
  const lines = linesOf(fields, name);
  return lines.length === 0 ? undefined : lines.join(', ');
}

/** @param names lower case */
export function without(fields: Fields, names: ReadonlySet<string>): Fields {
  return fields.filter(([name]) => !names.has(name.toLowerCase()));
}

/**
 * Members of a list, trimmed, empty ones left out (RFC 9110 §5.6.1.2). Commas in quoted strings do not divide; a quotation mark that nothing
 * closes is a character like others, so that it cannot hide the members behind it.
 */
export function membersOf(value: string): readonly string[] {
  const members: string[] = [];
  let start = 0;
  let quotesLeft = true;
  for (let at = 0; at < value.length; at += 1) {
    if (value[at] === '"' && quotesLeft) {
      const end = endOfQuoted(value, at);
      if (end === -1) quotesLeft = false;
      else at = end;
    } else if (value[at] === ',') {
      members.push(trimmed(value.slice(start, at)));
      start = at + 1;
    }
  }
  members.push(trimmed(value.slice(start)));
  return members.filter((member) => member !== '');
}

/** Where the quoted string that begins at `start` ends (its closing mark), -1 where it does not (RFC 9110 §5.6.4). */
function endOfQuoted(value: string, start: number): number {
  for (let at = start + 1; at < value.length; at += 1) {
    if (value[at] === '\\') at += 1;
    else if (value[at] === '"') return at;
  }
  return -1;
}

/** What a quoted string says; undefined where `text` is not exactly one. */
export function unquoted(text: string): string | undefined {
  if (!text.startsWith('"') || endOfQuoted(text, 0) !== text.length - 1) return undefined;
  return text.slice(1, -1).replace(/\\(.)/gs, '$1');
}

/** RFC 9110 §5.6.2 */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~\w]+$/.test(text);
}

/** Without the optional white space around a value (RFC 9110 §5.6.3): spaces and tabs, nothing else. */
export function trimmed(text: string): string {
  let first = 0;
  let end = text.length;
  while (first < end && isBlank(text.charCodeAt(first))) first += 1;
  while (end > first && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(first, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
