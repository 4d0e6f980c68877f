/** Field lines: between Node's flat lists and pairs, and what of a client's request goes on to an origin. Pure. */
import type { Fields } from '../../rfc9111/message';

/** @param raw name, value, name, value … */
export function pairsOf(raw: readonly string[]): Fields {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i] as string, raw[i + 1] as string]);
  return pairs;
}

/** As Node's raw headers: name, value, name, value, … */
export function flatOf(fields: Fields): string[] {
  return fields.flatMap(([name, value]) => [name, value]);
}

/** The value of the first line of a name (lower case). */
export function fieldOf(fields: Fields, name: string): string | undefined {
  return fields.find(([each]) => each.toLowerCase() === name)?.[1];
}

/** Without the lines of some names (lower case). */
export function without(fields: Fields, ...names: string[]): Fields {
  return fields.filter(([name]) => !names.includes(name.toLowerCase()));
}

/** About the client's way to this cache, which is not the origin's business. */
const ABOUT_US = /^(?:host|forwarded|x-(?:forwarded-.*|real-ip|host|original-host))$/;
/** With which some origins answer for another URL or method than the one that was asked for: what came of it would be kept under the wrong one. */
const INSTEAD = /^x-(?:original-url|rewrite-url|original-uri|http-method(?:-override)?|method-override)$/;
const CREDENTIALS = ['authorization', 'cookie', 'cookie2'];

/** What is sent on of fields that may be forwarded at all. @param strips whether the client's credentials stay here */
export function forOrigin(fields: Fields, strips: boolean): Fields {
  const sent = fields.filter(([name]) => !ABOUT_US.test(name.toLowerCase()) && !INSTEAD.test(name.toLowerCase()));
  return strips ? without(sent, ...CREDENTIALS) : sent;
}

/** Fields with which a request is about more than the resource as it is: such a one waits for nobody's answer. */
export const PARTICULAR = [
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'authorization',
  'cache-control',
  'pragma',
  'expect',
];
