/** Parts of objects that are not held: asked of the upstream as a range, sent on unverified, never stored. */
import type { ImmutableRoute } from '../../../caches/module';
import { LarderError } from '../../errors';
import type { UpstreamResponse } from '../../upstream/types';
import type { BodySource } from './body-source';
import { askedEncoding, refuseForm } from '../files/file-form';
import { isAbsence, isOfPlace } from '../files/file-places';
import { hostOf, notThere, refuseFile } from './head';
import type { Plan } from '../plan';
import { pointedAt, promisedBy, type Pointed } from '../files/pointed';
import type { EngineRooms } from '../rooms';

/** Whether a Range header asks for everything (`bytes=0-`), or for what is answered with everything: then a fill serves it. */
export function isWholeRange(range: string | undefined): boolean {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range?.trim() ?? '') ?? [];
  if (from === '') return to === '';
  return to === '' ? Number(from) === 0 : Number(to) < Number(from);
}

/** Whether a range has no byte of a body of that length: what a 416 must mean. */
export function isBeyond(range: string, total: number): boolean {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range.trim()) ?? [];
  return from === '' ? Number(to) === 0 || total === 0 : Number(from) >= total;
}

/** @param path the canonical path, or an absolute URL @throws LarderError */
export function askRange(
  rooms: EngineRooms,
  plan: Plan,
  path: string,
  range: string,
  skip?: ReadonlySet<string>,
): Promise<UpstreamResponse> {
  const headers = { ...askedEncoding(plan), range: range.trim() };
  return rooms.upstream.fetch({ origin: plan.origin, path, headers, ...(skip ? { skip } : {}) });
}

/** As askRange; if a stub names the place of the bytes, the part is one of those. @throws LarderError */
async function askPointed(
  rooms: EngineRooms,
  plan: Plan,
  path: string,
  range: string,
  skip: ReadonlySet<string>,
): Promise<UpstreamResponse> {
  const response = await askRange(rooms, plan, path, range, skip);
  if (!(plan.route as ImmutableRoute).pointer || promisedBy(plan, response.url) !== undefined) return response;
  let pointed: Pointed | undefined;
  try {
    // That it has no such part may be said of the stub: its first byte comes with its header.
    const asked = response.status === 416 ? await askRange(rooms, plan, path, 'bytes=0-0', skip) : response;
    if (asked !== response) asked.body.destroy();
    pointed = pointedAt(rooms, plan, asked);
  } catch (error) {
    response.body.destroy();
    throw error;
  }
  if (!pointed) return response;
  response.body.destroy();
  return askRange(rooms, plan, pointed.path, range);
}

/** A part from one address, or why there is none. @throws LarderError that no other address would change */
export async function askPlace(rooms: EngineRooms, plan: Plan, path: string, range: string): Promise<UpstreamResponse | LarderError> {
  const without = new Set<string>();
  const isScattered = path.startsWith('/') && (plan.route as ImmutableRoute).scattered === true;
  for (let left = plan.origin.bases.length; ; left--) {
    const answer = await askMirrors(rooms, plan, path, range, without);
    if ('base' in answer) return answer;
    // That the last mirror cannot be asked says more than that the others lack it.
    if (!isScattered || !isAbsence(answer) || left <= 1) return answer;
  }
}

/** @param without mirrors that are not to be asked; the one that answers that it has no such thing is put into it */
async function askMirrors(
  rooms: EngineRooms,
  plan: Plan,
  path: string,
  range: string,
  without: Set<string>,
): Promise<UpstreamResponse | LarderError> {
  let response: UpstreamResponse;
  try {
    response = await askPointed(rooms, plan, path, range, without);
  } catch (error) {
    if (isOfPlace(error)) return error;
    throw error;
  }
  if (response.status === 404 || response.status === 410) without.add(response.base);
  const refusal =
    response.status === 200 ? refuseFile(plan, response.headers) : response.status < 300 ? refuseForm(plan, response.headers) : undefined;
  if (refusal === undefined && (response.status === 200 || response.status === 206 || response.status === 416)) return response;
  response.body.destroy();
  if (refusal === undefined) return notThere(plan, { status: response.status, url: response.url, base: response.base });
  return new LarderError('upstream-failed', { host: hostOf(response.base), reason: refusal, target: plan.path });
}

/** Length of the whole, as a 200, 206 or 416 tells it. */
export function totalOf({ status, headers }: UpstreamResponse): number | undefined {
  const told = status === 200 ? headers['content-length'] : /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
  return told === undefined ? undefined : Number(told);
}

/** The part that a 206 has, if it is the one that was asked for. */
export function partOf(response: UpstreamResponse, range: string): { first: number; last: number; total: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range.trim()) ?? [];
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers['content-range'] ?? '');
  if (response.status !== 206 || !found) return undefined;
  const part = { first: Number(found[1]), last: Number(found[2]), total: Number(found[3]) };
  const first = from === '' ? Math.max(0, part.total - Number(to)) : Number(from);
  const last = from === '' || to === '' ? part.total - 1 : Math.min(Number(to), part.total - 1);
  return part.first === first && part.last === last ? part : undefined;
}

/** The body of a 206 as a source that is read once, in order, and never has more bytes than the part. */
export function partSource(response: UpstreamResponse, part: { readonly first: number; readonly last: number }): BodySource {
  const chunks = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return {
    size: part.last - part.first + 1,
    read: async (offset, end) => {
      const next = await chunks.next();
      if (next.done === true) return Buffer.alloc(0);
      if (next.value.length > end - offset)
        throw new LarderError('upstream-failed', { host: response.base, reason: 'it sent more than the part that was asked for' });
      return next.value;
    },
    close: () => response.body.destroy(),
  };
}
