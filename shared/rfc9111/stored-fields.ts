/** Which fields of a response are stored, and how later responses update them: RFC 9111 §3.1, §3.2. */
import { responseDirectives } from './directives';
import { firstOf, linesOf, membersOf, without } from './field-lines';
import { httpDate, imfDate } from './http-date';
import type { Fields, ReceivedResponse, Rules } from './message';

/** Of one connection (RFC 9110 §7.6.1), or of one proxy and its client (RFC 9110 §11.7). */
const OF_ONE_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
];
/** Never taken from a later response: they describe the content that is held (RFC 9111 §3.2), or that message alone. */
const OF_THE_CONTENT = new Set(['content-length', 'content-range', 'content-encoding', 'trailer']);

/** Without what may not be forwarded: fields of one hop, and those that Connection names (RFC 9110 §7.6.1). */
export function endToEnd(fields: Fields): Fields {
  return without(fields, new Set([...OF_ONE_HOP, ...connectionOptions(fields)]));
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
  const taken = withDate({ fields: endToEnd(newer.fields), responseTimeMs: newer.responseTimeMs }).filter(
    ([name]) => !OF_THE_CONTENT.has(name.toLowerCase()),
  );
  const kept = without(stored, new Set([...taken.map(([name]) => name.toLowerCase()), 'age']));
  return fieldsToStore({ fields: [...kept, ...taken], responseTimeMs: newer.responseTimeMs }, rules);
}
