/** Which fields of a response are stored, and how later responses update them: RFC 9111 §3.1, §3.2. */
import { responseDirectives } from './directives';
import { firstOf, linesOf, membersOf, without } from './field-lines';
import { httpDate, imfDate } from './http-date';
import { OF_ONE_HOP, type Fields, type ReceivedResponse, type Rules } from './message';
import { entityTag, isSameStrongly } from './validators';

/** Never taken from a later response: they describe the content that is held (RFC 9111 §3.2), or that message alone. */
const OF_THE_CONTENT = new Set(['content-length', 'content-range', 'trailer']);
/** What the meaning of the bytes that are held hangs on: taken only from a response that is surely of the same ones. */
const OF_THE_BYTES = new Set([...OF_THE_CONTENT, 'content-encoding']);

/** Without what may not be forwarded: fields of one hop, and those that Connection names (RFC 9110 §7.6.1). */
export function endToEnd(fields: Fields): Fields {
  return without(fields, new Set([...OF_ONE_HOP, 'transfer-encoding', ...connectionOptions(fields)]));
}

/** Lower case. */
export function connectionOptions(fields: Fields): readonly string[] {
  return linesOf(fields, 'connection')
    .flatMap((line) => membersOf(line))
    .map((option) => option.toLowerCase());
}

/** A response without a valid Date gets the time it came (RFC 9110 §6.6.1). */
export function withDate({ fields, responseTimeMs }: Pick<ReceivedResponse, 'fields' | 'responseTimeMs'>): Fields {
  const date = firstOf(fields, 'date');
  if (date !== undefined && httpDate(date, responseTimeMs) !== undefined) return fields;
  return [...without(fields, new Set(['date'])), ['Date', imfDate(responseTimeMs)]];
}

/** RFC 9111 §3.1: all fields but those of one hop, and those that `private="…"` and `no-cache="…"` keep out of a shared cache. */
export function fieldsToStore(response: Pick<ReceivedResponse, 'fields' | 'responseTimeMs'>, rules: Rules): Fields {
  const { noCacheFields, privateFields } = responseDirectives(response.fields, rules).directives;
  const fields = withDate({ fields: endToEnd(response.fields), responseTimeMs: response.responseTimeMs });
  return without(fields, new Set([...noCacheFields, ...privateFields]));
}

/**
 * RFC 9111 §3.2: every field of the newer response takes the place of those stored. Age and Date belong to the message that confirmed: those
 * of the older one would be counted from another time (§4.2.3).
 */
export function updatedFields(stored: Fields, newer: Pick<ReceivedResponse, 'fields' | 'responseTimeMs'>, rules: Rules): Fields {
  const left = sharesStrongTag(stored, newer.fields) ? OF_THE_CONTENT : OF_THE_BYTES;
  const taken = without(withDate({ fields: endToEnd(newer.fields), responseTimeMs: newer.responseTimeMs }), left);
  const kept = without(stored, new Set([...taken.map(([name]) => name.toLowerCase()), 'age']));
  return fieldsToStore({ fields: [...kept, ...taken], responseTimeMs: newer.responseTimeMs }, rules);
}

function sharesStrongTag(one: Fields, other: Fields): boolean {
  const [tag, also] = [entityTag(one), entityTag(other)];
  return tag !== undefined && also !== undefined && isSameStrongly(tag, also);
}
