/** Fields of what is sent to the client: RFC 9111 §4, §5.1; RFC 9110 §6.6.1, §7.6.3, §14.4, §15.3.7, §15.4.5. */
import type { Answer } from './answer';
import { linesOf, without } from './field-lines';
import { ageSeconds, dateMs } from './freshness';
import { imfDate } from './http-date';
import type { Fields, ReceivedResponse, StoredResponse } from './message';
import { endToEnd, withDate } from './stored-fields';

/** Representation metadata: of no use to who has the representation (RFC 9110 §15.4.5). */
const METADATA = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'last-modified',
  'accept-ranges',
];
/** No content is sent, or none that a length is told of (RFC 9110 §8.6). */
const WITHOUT_LENGTH = new Set([204, 304]);

export interface Sending {
  readonly nowMs: number;
  /** The server confirmed it for this request: then it has no Age of ours (RFC 9111 §5.1). */
  readonly validated?: boolean | undefined;
  /** Of the multipart/byteranges content, where several parts are sent. */
  readonly boundary?: string | undefined;
}

/** Fields of an answer made of a stored response. Content-Length is told where it can be known here (not of multipart content). */
export function outgoingFields(stored: StoredResponse, answer: Answer, { nowMs, validated = false, boundary }: Sending): Fields {
  const age: Fields = validated
    ? linesOf(stored.fields, 'age').map((line) => ['Age', line] as const)
    : [['Age', String(ageSeconds(stored, nowMs))]];
  const hasTrailers = answer.status === 'stored' && stored.trailers !== undefined;
  const fields = without(stored.fields, new Set(hasTrailers ? ['age'] : ['age', 'trailer']));
  switch (answer.status) {
    case 304:
      return [...withoutMetadata(fields), ...age];
    case 416:
      return [['Date', imfDate(dateMs(stored))], ['Content-Range', `bytes */${stored.length ?? '*'}`], ['Content-Length', '0'], ...age];
    case 206: {
      const rest = answer.isLean ? withoutMetadata(fields) : without(fields, new Set(['content-length']));
      const [part, ...others] = answer.parts;
      if (part === undefined) return [...rest, ...age];
      if (others.length > 0) {
        const type = `multipart/byteranges; boundary=${boundary ?? ''}`;
        return [...without(rest, new Set(['content-type'])), ['Content-Type', type], ...age];
      }
      const range = `bytes ${part.first}-${part.last}/${stored.length ?? '*'}`;
      return [...rest, ['Content-Range', range], ['Content-Length', String(part.last - part.first + 1)], ...age];
    }
    default: {
      if (stored.length === undefined || hasTrailers || WITHOUT_LENGTH.has(stored.status)) return [...fields, ...age];
      return [...without(fields, new Set(['content-length'])), ['Content-Length', String(stored.length)], ...age];
    }
  }
}

/** The date stays where no tag says which representation it is. */
function withoutMetadata(fields: Fields): Fields {
  const isKnownByTag = linesOf(fields, 'etag').length > 0;
  return without(fields, new Set(METADATA.filter((name) => name !== 'last-modified' || isKnownByTag)));
}

/** Fields of a response that is passed on as it came: without those of one hop, with a Date (RFC 9110 §6.6.1). */
export function passedFields(response: ReceivedResponse): Fields {
  return withDate({ ...response, fields: endToEnd(response.fields) });
}

/** RFC 9110 §7.6.3. @param protocol of the message as it was received, such as `1.1` @param name ours, a token */
export function withVia(fields: Fields, protocol: string, name: string): Fields {
  return [...fields, ['Via', `${protocol} ${name}`]];
}
