/** Selecting fields, RFC 9111 §4.1: what Vary names, normalised so that requests that mean the same have the same words. */
import { isToken, linesOf, membersOf, trimmed } from './field-lines';
import type { CacheRequest, Fields, StoredResponse } from './message';

/** Lists whose order says nothing; what counts is each member's weight (RFC 9110 §12.5.1 to §12.5.3). */
const UNORDERED = new Set(['accept', 'accept-charset', 'accept-encoding']);
/** As before, but servers are known to take the first of equals (RFC 9110 §12.5.4): only weights move members. */
const BY_WEIGHT = new Set(['accept-language']);
/** One value, in which commas and the white space around them may mean something. */
const WHOLE = new Set([
  'authorization',
  'cookie',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'origin',
  'referer',
  'user-agent',
]);

/** Lower-case names that Vary lists, each once; '*' where it never matches (also what is no name could not be looked at). */
export function varyNames(fields: Fields): readonly string[] | '*' {
  const names = linesOf(fields, 'vary')
    .flatMap((line) => membersOf(line))
    .map((name) => name.toLowerCase());
  return names.every((name) => name !== '*' && isToken(name)) ? [...new Set(names)].sort() : '*';
}

/** What no request has: no field's name has a space. */
const NEVER = { 'vary *': 'never' };

/** The request's values of the fields that the response varies by; for Vary: * such that no request matches (RFC 9111 §4.1). */
export function selectingFields(request: CacheRequest, response: Fields): Readonly<Record<string, string | null>> {
  const names = varyNames(response);
  return names === '*' ? NEVER : Object.fromEntries(names.map((name) => [name, normalised(request.fields, name)]));
}

/** Do the request's fields match those of the request that was answered (RFC 9111 §4.1)? */
export function selects(request: CacheRequest, stored: StoredResponse): boolean {
  return Object.entries(stored.selecting).every(([name, value]) => normalised(request.fields, name) === value);
}

/** null: absent, which matches only absent. */
function normalised(fields: Fields, name: string): string | null {
  const lines = linesOf(fields, name);
  if (lines.length === 0) return null;
  if (WHOLE.has(name)) return lines.join(', ');
  const members = membersOf(lines.join(','));
  if (UNORDERED.has(name))
    return members
      .map((member) => preference(member).text)
      .sort()
      .join(', ');
  if (!BY_WEIGHT.has(name)) return members.join(', ');
  const preferences = members.map((member) => preference(member)).sort((one, other) => other.weight - one.weight);
  return preferences.map(({ text }) => text).join(', ');
}

/** A member with its weight (RFC 9110 §12.4.2), in one spelling. Values of parameters keep their case: they may depend on it. */
function preference(member: string): { readonly text: string; readonly weight: number } {
  const [range = '', ...parameters] = member.split(';').map((part) => trimmed(part));
  let weight = 1;
  const others: string[] = [];
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    const name = (equals === -1 ? parameter : parameter.slice(0, equals)).toLowerCase();
    const value = equals === -1 ? '' : parameter.slice(equals);
    if (name === 'q' && /^=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(value)) weight = Number(value.slice(1));
    else others.push(`${name}${value}`);
  }
  const text = [range.toLowerCase(), ...others, ...(weight === 1 ? [] : [`q=${weight}`])].join(';');
  return { text, weight };
}
