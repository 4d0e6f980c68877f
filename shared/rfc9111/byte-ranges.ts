/** Byte ranges: RFC 9110 §14. Numbers beyond 2^53 are as good as endless. */
import { firstOf, linesOf, membersOf, trimmed } from './field-lines';
import type { ByteRange, Fields } from './message';

/** More parts than that are asked for by nobody who means well (RFC 9110 §17.15): the field is ignored. */
const MOST_PARTS = 64;

/** What Range asks for: `-5` has no first, `5-` no last. */
interface RangeSpec {
  readonly first?: number | undefined;
  readonly last?: number | undefined;
}

/** `undefined`: Range is to be ignored; `unsatisfiable`: 416; `unknown`: depends on a length that is not known. */
export type RangeChoice = readonly ByteRange[] | 'unsatisfiable' | 'unknown' | undefined;

/** @param length of the whole representation, where known */
export function chosenRanges(fields: Fields, length: number | undefined): RangeChoice {
  const specs = rangeSpecs(fields);
  if (specs === undefined || length === 0) return undefined;
  const parts: ByteRange[] = [];
  for (const { first, last } of specs) {
    if (length === undefined) {
      // As far as is held it can be answered; what lies behind the end nobody knows.
      if (first === undefined || last === undefined) return 'unknown';
      parts.push({ first, last });
    } else if (first === undefined) {
      if (last !== undefined && last > 0) parts.push({ first: Math.max(0, length - last), last: length - 1 });
    } else if (first < length) {
      parts.push({ first, last: Math.min(last ?? Infinity, length - 1) });
    }
  }
  if (parts.length === 0) return 'unsatisfiable';
  const ascending = joined(parts);
  // Overlapping or touching ranges are sent as one; others in the order they were asked for (RFC 9110 §15.3.7.2).
  return ascending.length < parts.length ? ascending : parts;
}

/** The one range of a single-part 206; undefined: several, another unit, or invalid (RFC 9110 §14.4). */
export function contentRange({
  fields,
}: {
  readonly fields: Fields;
}): { readonly range: ByteRange; readonly length?: number | undefined } | undefined {
  const lines = linesOf(fields, 'content-range');
  const isMultipart = /^multipart\/byteranges\b/i.test(firstOf(fields, 'content-type') ?? '');
  const found = /^bytes +(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(lines[0] ?? '');
  if (!found || lines.length > 1 || isMultipart) return undefined;
  const range = { first: Number(found[1]), last: Number(found[2]) };
  const length = found[3] === '*' ? undefined : Number(found[3]);
  if (range.last < range.first || (length !== undefined && length <= range.last)) return undefined;
  return length === undefined ? { range } : { range, length };
}

/** Ascending, overlapping and touching ones made one. */
export function joined(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const result: ByteRange[] = [];
  for (const range of [...ranges].sort((one, other) => one.first - other.first)) {
    const before = result.at(-1);
    if (before !== undefined && range.first <= before.last + 1) {
      result[result.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
    } else result.push(range);
  }
  return result;
}

/** What of `wanted` is not in `held`. @param held ascending, apart */
export function lacking(wanted: readonly ByteRange[], held: readonly ByteRange[]): readonly ByteRange[] {
  const result: ByteRange[] = [];
  for (const { first, last } of joined(wanted)) {
    let from = first;
    for (const have of held) {
      if (have.last < from || have.first > last) continue;
      if (have.first > from) result.push({ first: from, last: have.first - 1 });
      from = have.last + 1;
    }
    if (from <= last) result.push({ first: from, last });
  }
  return result;
}

/** undefined: no Range, of another unit than bytes, or not well formed (RFC 9110 §14.1.1, §14.2). */
function rangeSpecs(fields: Fields): readonly RangeSpec[] | undefined {
  const [line, ...others] = linesOf(fields, 'range');
  const set = /^bytes=(.*)$/is.exec(line ?? '')?.[1];
  if (set === undefined || others.length > 0) return undefined;
  const members = membersOf(set);
  const specs = members.map((member) => rangeSpec(trimmed(member)));
  const known = specs.filter((spec) => spec !== undefined);
  return known.length === specs.length && known.length > 0 && known.length <= MOST_PARTS ? known : undefined;
}

function rangeSpec(text: string): RangeSpec | undefined {
  const found = /^(\d*)-(\d*)$/.exec(text);
  if (!found || text === '-') return undefined;
  const [first, last] = [found[1], found[2]].map((digits) => (digits === '' ? undefined : Number(digits)));
  return first !== undefined && last !== undefined && last < first ? undefined : { first, last };
}
