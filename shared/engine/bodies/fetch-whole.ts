/** A small upstream object, whole and in memory; nothing of it is stored. */
import { LarderError } from '../../errors';
import type { Digested } from '../../integrity/digest';
import type { Entry } from '../../store/entry';
import { Download } from './download';
import { GrowingBody } from './growing-body';
import { notThere, type Head } from './head';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

const UNWATCHED = { began: () => undefined, diverged: () => undefined, grew: () => undefined };

/** `body` is absent if the upstream confirmed what was held (304). */
export interface Whole {
  readonly head: Head;
  readonly body?: { readonly bytes: Buffer; readonly digested: Digested };
}

/**
 * @param path canonical path below the plan's origin
 * @param held what is to be confirmed or replaced
 * @param fresh caches on the way are to ask again (RFC 9111 §5.2.1.4)
 * @throws LarderError of the upstream; upstream-not-found, upstream-gone, upstream-denied by its status
 */
export async function fetchWhole(
  rooms: EngineRooms,
  plan: Plan,
  path: string,
  held: Pick<Entry, 'etag' | 'lastModified'> | undefined,
  maxBytes: number,
  fresh = false,
): Promise<Whole> {
  const body = new GrowingBody(undefined, () => undefined, Infinity);
  const headers = {
    'accept-encoding': 'identity',
    ...(fresh ? { 'cache-control': 'no-cache' } : {}),
    ...(held?.etag === undefined ? {} : { 'if-none-match': held.etag }),
    ...(held?.lastModified === undefined ? {} : { 'if-modified-since': held.lastModified }),
  };
  const spec = {
    origin: plan.origin,
    path,
    headers,
    algorithms: ['sha256'] as const,
    judged: false,
    retries: rooms.config.retries,
    maxBytes,
    signal: new AbortController().signal,
  };
  const download = new Download(rooms.upstream, spec, body, UNWATCHED);
  const { head, response } = await download.open();
  if (head.status === 304 && held) return { head };
  if (!response) throw notThere({ ...plan, path }, head);
  const digested = await download.readAll(response);
  const last = download.latest ?? head;
  if (last.contentEncoding !== undefined)
    throw new LarderError('document-invalid', {
      target: path,
      reason: `it came with the encoding ${last.contentEncoding}, which nobody asked for`,
    });
  return { head: last, body: { bytes: body.all(), digested } };
}
