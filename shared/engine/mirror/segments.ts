/** Bodies put together from pieces of another: ranges, several ranges with what stands between them, what is held of an incomplete body. */
import type { ByteRange } from '../../rfc9111/message';
import type { BodySource } from '../bodies/body-source';

/** Bytes at hand, or bytes of the underlying source, both ends inclusive. */
export type Segment = Buffer | ByteRange;

const NOTHING = Buffer.alloc(0);

/** The segments one after the other. Closing it closes the source. */
export function joined(source: BodySource, segments: readonly Segment[]): BodySource {
  const starts: number[] = [];
  let size = 0;
  for (const segment of segments) {
    starts.push(size);
    size += lengthOf(segment);
  }
  return {
    size,
    ...(source.isHeld ? { isHeld: true as const } : {}),
    async read(offset, end) {
      const stop = Math.min(end, size);
      if (offset >= stop) return NOTHING;
      const index = starts.findLastIndex((start) => start <= offset);
      const segment = segments[index] as Segment;
      const at = offset - (starts[index] as number);
      const wanted = Math.min(stop - offset, lengthOf(segment) - at);
      if (Buffer.isBuffer(segment)) return segment.subarray(at, at + wanted);
      return source.read(segment.first + at, segment.first + at + wanted);
    },
    close: () => source.close(),
  };
}

/**
 * Where in the bytes that are held some bytes of the representation are.
 * @param held what is held, ascending, apart; absent: all of it
 * @throws RangeError if they are not held
 */
export function placeOf({ first, last }: ByteRange, held: readonly ByteRange[] | undefined): ByteRange {
  if (!held) return { first, last };
  let start = 0;
  for (const range of held) {
    if (first >= range.first && last <= range.last) return { first: start + first - range.first, last: start + last - range.first };
    start += range.last - range.first + 1;
  }
  throw new RangeError(`bytes ${first}-${last} are not held`);
}

/** RFC 9110 §14.6: each part with its own head. @param place where in the source the bytes of the representation are */
export function multipart(
  parts: readonly ByteRange[],
  about: { readonly boundary: string; readonly contentType: string | undefined; readonly length: number | undefined },
  place: (part: ByteRange) => ByteRange,
): readonly Segment[] {
  const type = about.contentType === undefined ? '' : `Content-Type: ${about.contentType}\r\n`;
  const segments = parts.flatMap((part): Segment[] => [
    Buffer.from(
      `\r\n--${about.boundary}\r\n${type}Content-Range: bytes ${part.first}-${part.last}/${about.length ?? '*'}\r\n\r\n`,
      'latin1',
    ),
    place(part),
  ]);
  return [...segments, Buffer.from(`\r\n--${about.boundary}--\r\n`, 'latin1')];
}

function lengthOf(segment: Segment): number {
  return Buffer.isBuffer(segment) ? segment.length : segment.last - segment.first + 1;
}
