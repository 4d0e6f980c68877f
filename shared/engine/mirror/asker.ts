/** Sends a mirror's requests to its origin: what of a client's message goes along, and nothing that is not meant for the origin. */
import type { Fields } from '../../rfc9111/message';
import type { RelayedResponse } from '../../upstream/types';
import type { EngineRooms } from '../rooms';
import { flatOf, forOrigin, pairsOf, without } from './fields';
import { countedDown } from './others';
import type { MirrorRequest } from './types';

/** What describes a body: of a GET or HEAD none is sent on, what a client calls one could be taken for the next request (RFC 9112 §11.2). */
const BODY = ['content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'expect'];

export class Asker {
  constructor(private readonly rooms: EngineRooms) {}

  /** @param wanted fields of the request, end to end @param onSent as of Upstream.relay @throws LarderError as Upstream.relay */
  ask({ method, plan, path, signal, body, onInformation }: MirrorRequest, wanted: Fields, onSent?: () => void): Promise<RelayedResponse> {
    const isRead = method === 'GET' || method === 'HEAD';
    const strips = this.rooms.cache.clientAuth === 'strip';
    const fields = countedDown(method, forOrigin(isRead ? without(wanted, ...BODY) : wanted, strips));
    return this.rooms.upstream.relay({
      origin: plan.origin,
      path,
      method,
      fields: flatOf(fields),
      signal,
      ...(body && !isRead ? { body } : {}),
      ...(onSent ? { onSent } : {}),
      onInformation: (status, raw) => onInformation?.(status, pairsOf(raw)),
    });
  }
}
