/** Entity tags and modification dates as validators, RFC 9110 §8.8. */
import { firstOf, linesOf } from './field-lines';
import { dateMs, timeOf } from './freshness';
import type { Fields, ReceivedResponse, StoredResponse } from './message';

/** A message that has validators, and the time that stands for a Date it lacks. */
export type Validated = Pick<StoredResponse | ReceivedResponse, 'fields' | 'responseTimeMs'>;

/** Some servers leave the quotation marks out; what they sent is said back to them, but joins no bytes. */
const ENTITY_TAG = /^(?:(?:W\/)?"[!#-~\u0080-\uffff]*"|[!#-+\--~]+)$/;

/** The entity tag; undefined where there is none, or several, or it could not stand in a list. */
export function entityTag(fields: Fields): string | undefined {
  const tags = linesOf(fields, 'etag');
  const [tag] = tags;
  return tag !== undefined && tags.every((other) => other === tag) && ENTITY_TAG.test(tag) ? tag : undefined;
}

/** RFC 9110 §8.8.3.2: equal, and neither is weak. */
export function isSameStrongly(one: string, other: string): boolean {
  return one === other && !one.startsWith('W/');
}

/** RFC 9110 §8.8.3.2: equal but for the mark of weakness. */
export function isSameWeakly(one: string, other: string): boolean {
  return opaque(one) === opaque(other);
}

/**
 * Entity tags of a list; commas and spaces between them, in any number. What is no tag is passed over, so that tags behind it count.
 */
export function entityTags(list: string): readonly string[] {
  return list.match(/(?:W\/)?"[^"]*"|[^\s",]+/g) ?? [];
}

/** Last-Modified where it says which bytes: sent at least a second later, so that none were changed since in its second (RFC 9110 §8.8.2.2). */
export function strongDate(message: Validated): string | undefined {
  const modified = timeOf(message, 'last-modified');
  return modified !== undefined && dateMs(message) - modified >= 1000 ? firstOf(message.fields, 'last-modified') : undefined;
}

/** The validator that names the bytes of a representation: for If-Range and for joining parts (RFC 9110 §13.1.5, §15.3.7.3). */
export function strongValidator(message: Validated): string | undefined {
  const tag = entityTag(message.fields);
  // Who has a tag, strong or not, is not compared by date (RFC 9110 §13.1.5).
  if (tag !== undefined) return tag.startsWith('"') ? tag : undefined;
  return linesOf(message.fields, 'etag').length > 0 ? undefined : strongDate(message);
}

/** Are these of the same bytes? */
export function isSameContent(one: Validated, other: Validated): boolean {
  const validator = strongValidator(one);
  return validator !== undefined && validator === strongValidator(other);
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
