/** Joining parts of one representation (RFC 9111 §3.4): bytes of what is held, and of a part that has just come. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Digester, type Digested } from '../../integrity/digest';
import type { ByteRange, StoredResponse } from '../../rfc9111/message';
import type { BodySource } from '../bodies/body-source';
import { placeOf } from './segments';

/** Joining copies; larger wholes are fetched as wholes sooner or later. */
export const MOST_JOINED_BYTES = 64 * 1024 * 1024;

/** A piece of the joined content, and where its bytes are. */
interface Piece extends ByteRange {
  readonly isNew: boolean;
}

export interface Joining {
  /** What is held, with its bytes. */
  readonly before: StoredResponse;
  readonly bytes: BodySource;
  /** What came, and the file that has exactly these bytes. */
  readonly part: ByteRange;
  readonly partFile: string;
  /** What both are together. */
  readonly after: StoredResponse;
  /** File to write. */
  readonly into: string;
}

/** How many bytes of content a stored response has; undefined where that is not known. */
export function heldBytes({ held, length }: StoredResponse): number | undefined {
  return held ? held.reduce((sum, { first, last }) => sum + last - first + 1, 0) : length;
}

/** Writes the joined content. @throws NodeJS.ErrnoException; LarderError if held bytes are damaged; RangeError if a byte is in neither */
export async function join({ before, bytes, part, partFile, after, into }: Joining): Promise<Digested> {
  const digester = new Digester(['sha256']);
  const file = await open(into, 'w', 0o640);
  try {
    const put = async (chunk: Buffer): Promise<void> => {
      digester.update(chunk);
      await file.write(chunk);
    };
    const wanted = after.held ?? [{ first: 0, last: (after.length ?? 0) - 1 }];
    for (const { first, last, isNew } of wanted.flatMap((range) => piecesOf(range, part))) {
      if (isNew) {
        const stream = createReadStream(partFile, { start: first - part.first, end: last - part.first });
        for await (const chunk of stream) await put(chunk as Buffer);
        continue;
      }
      const place = placeOf({ first, last }, before.held);
      for (let at = place.first; at <= place.last;) {
        const chunk = await bytes.read(at, place.last + 1);
        if (chunk.length === 0) throw new RangeError('held bytes end too early');
        await put(chunk);
        at += chunk.length;
      }
    }
    return digester.finish();
  } finally {
    await file.close();
  }
}

/** A range, cut where the new part begins and ends. */
function piecesOf({ first, last }: ByteRange, part: ByteRange): Piece[] {
  const from = Math.max(first, part.first);
  const to = Math.min(last, part.last);
  if (from > to) return [{ first, last, isNew: false }];
  const pieces: Piece[] = [
    { first, last: from - 1, isNew: false },
    { first: from, last: to, isNew: true },
    { first: to + 1, last, isNew: false },
  ];
  return pieces.filter((piece) => piece.first <= piece.last);
}
