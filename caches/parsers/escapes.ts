/** Spellings of one path brought together: escapes that need not be are undone, the others are in capitals (RFC 3986 §6.2.2). Pure; nothing throws. */

/** What stands unescaped in a path (RFC 3986 §3.3, pchar). */
const PCHAR = /[\w.~!$&'()*+,;=:@-]/;

/** A raw path with as few escapes as possible: every spelling gives one string. Escapes may be of any bytes. */
export function canonicalPath(raw: string): string {
  return fewestEscapes(raw, PCHAR);
}

/** The same for any part of a URL. @param plain matches each character that stands there as it is */
export function fewestEscapes(raw: string, plain: RegExp): string {
  if (!raw.includes('%')) return raw;
  return raw.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return plain.test(character) ? character : escape.toUpperCase();
  });
}
