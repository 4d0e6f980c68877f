/** Parts of objects that are not held: asked of the upstream as a range, sent on unverified, never stored. */
import type { UpstreamResponse } from '../upstream/types';
import type { BodySource } from './body-source';
import type { Plan } from './plan';
import type { EngineRooms } from './rooms';

/** Whether a Range header asks for everything (`bytes=0-`): then a fill serves it. */
export function isWholeRange(range: string): boolean {
  return /^bytes=0-$/.test(range.trim()) || !/^bytes=(?:\d+-\d*|-\d+)$/.test(range.trim());
}

/** @param source where the document says that the bytes are, if not at the canonical path @throws LarderError */
export function askRange(rooms: EngineRooms, plan: Plan, source: string | undefined, range: string): Promise<UpstreamResponse> {
  return rooms.upstream.fetch({ origin: plan.origin, path: source ?? plan.path, headers: { range: range.trim() } });
}

/** The body of a 206 (or 200, if the upstream knows no ranges) as a source that is read once, in order. */
export function streamSource(response: UpstreamResponse): {
  part?: { first: number; last: number; total: number };
  total: number | undefined;
  body: BodySource;
} {
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers['content-range'] ?? '');
  const part = response.status === 206 && found ? { first: Number(found[1]), last: Number(found[2]), total: Number(found[3]) } : undefined;
  const length = response.headers['content-length'];
  const total = part?.total ?? (response.status === 200 && length !== undefined ? Number(length) : undefined);
  const chunks = response.body[Symbol.asyncIterator]();
  const body: BodySource = {
    size: part ? part.last - part.first + 1 : total,
    read: async () => {
      const next = await (chunks as AsyncIterator<Buffer>).next();
      return next.done === true ? Buffer.alloc(0) : next.value;
    },
    close: () => response.body.destroy(),
  };
  return { total, body, ...(part ? { part } : {}) };
}
