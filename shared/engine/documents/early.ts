/**
 * Answers that begin before their document is there: clients give up after some seconds of silence (pip: 15), and a large page over a
 * slow line takes longer. White space means nothing before HTML and JSON, so they are kept waiting with spaces. What began so cannot
 * become an honest error any more: if there is no document in the end, the connection is destroyed.
 */
import { errorText, LarderError } from '../../errors';
import type { Answer } from '../answer';
import type { BodySource } from '../bodies/body-source';
import { within } from '../patience';
import type { EngineRooms } from '../rooms';

export interface EarlyTiming {
  /** How long a client waits for a document before its answer begins, ms. */
  readonly afterMs: number;
  /** How often a space is sent, ms. */
  readonly everyMs: number;
}

const USUAL: EarlyTiming = { afterMs: 5_000, everyMs: 3_000 };
/** How often it is looked whether the upstream has begun to send by now. */
const LOOK_MS = 1_000;
const SPACE = Buffer.from(' ');

/** A document that somebody waits for. */
export interface Awaited {
  readonly key: string;
  /** Content type of the rendering. */
  readonly contentType: string;
  readonly vary: string;
  /** The whole answer. */
  readonly whole: Promise<Answer>;
  /** Whether the upstream has begun to send it. */
  isArriving(): boolean;
  /** The same answer without a content coding; asked for only if it begins early. */
  identity(): Promise<Answer>;
}

/** The whole answer, or one that begins now and goes on when the document is there. @throws LarderError as `whole` */
export async function wholeOrEarly(rooms: EngineRooms, awaited: Awaited): Promise<Answer> {
  const { afterMs, everyMs } = rooms.early ?? USUAL;
  const { whole, contentType, vary } = awaited;
  let answer = await within(whole, afterMs);
  while (!answer) {
    if (awaited.isArriving()) {
      // Its failure is told by the answer that began.
      whole.then(({ body }) => body.close()).catch(() => undefined);
      const body = spacesBefore(identityOf(rooms, awaited), everyMs);
      return { outcome: 'miss', detail: 'early', contentType, vary, cacheControl: 'no-store', body };
    }
    answer = await within(whole, Math.min(LOOK_MS, afterMs));
  }
  return answer;
}

async function identityOf(rooms: EngineRooms, { key, contentType, identity }: Awaited): Promise<Answer> {
  try {
    const answer = await identity();
    if (answer.contentType === contentType && answer.contentEncoding === undefined) return answer;
    answer.body.close();
    throw new LarderError('internal', { reason: `a rendering was announced as ${contentType} and is ${answer.contentType}` });
  } catch (error) {
    rooms.log.warn('early-answer-cut', { key, reason: errorText(error) });
    throw error;
  }
}

/** Spaces until there is an answer, then its body. */
function spacesBefore(answer: Promise<Answer>, everyMs: number): BodySource {
  let spaces = 0;
  let body: BodySource | undefined;
  answer.catch(() => undefined);
  return {
    size: undefined,
    read: async (offset, end) => {
      // The first at once: it brings the status line.
      if (offset > 0) body ??= (await within(answer, everyMs))?.body;
      if (body) return body.read(offset - spaces, end - spaces);
      spaces++;
      return SPACE;
    },
    release: (piece) => {
      if (piece !== SPACE) body?.release?.(piece);
    },
    close: () => void answer.then(({ body: whole }) => whole.close()).catch(() => undefined),
  };
}
