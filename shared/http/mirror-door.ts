/** The way of a mirror's requests: whole messages in, whole messages out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Module } from '../../caches/module';
import type { CacheConfig } from '../config/config';
import { flatOf, pairsOf } from '../engine/mirror/fields';
import type { MirrorDesk } from '../engine/mirror/mirror-desk';
import type { MirrorRequest } from '../engine/mirror/types';
import { planRequest } from '../engine/plan';
import type { Fields } from '../rfc9111/message';
import { onDeparture } from './departure';
import type { Destination } from './destination';
import type { Hot } from './hot';
import { sendMessage, type Sent } from './send';

export interface Mirrored extends Omit<Sent, 'failure'> {
  readonly outcome: string;
  readonly detail?: string | undefined;
}

export class MirrorDoor {
  constructor(private readonly rooms: { readonly module: Module; readonly cache: CacheConfig; readonly hot: Hot }) {}

  /** @throws LarderError while nothing has been sent */
  async serve(req: IncomingMessage, res: ServerResponse, destination: Destination, desk: MirrorDesk): Promise<Mirrored> {
    const leaving = new AbortController();
    const forget = onDeparture(req, res, () => leaving.abort(new Error('the client left')));
    const { hot } = this.rooms;
    const { version } = hot;
    try {
      const answer = await desk.answer(this.requestOf(req, res, destination, leaving.signal));
      const { outcome, detail, body } = answer;
      if (leaving.signal.aborted) {
        body?.close();
        return { status: 499, bytes: 0, outcome: 'pass', detail: 'left' };
      }
      if (answer.ready) hot.keepMessage(req, hot.read(req.rawHeaders), destination.base, answer.ready, version);
      const sent = await sendMessage(req, res, { ...answer, headers: flatOf(answer.fields) });
      return { ...sent, outcome: sent.failure === undefined ? outcome : 'error', detail };
    } catch (error) {
      if (leaving.signal.aborted && !res.headersSent) return { status: 499, bytes: 0, outcome: 'pass', detail: 'left' };
      throw error;
    } finally {
      forget();
    }
  }

  private requestOf(req: IncomingMessage, res: ServerResponse, { target, base, origin }: Destination, signal: AbortSignal): MirrorRequest {
    const { module, cache } = this.rooms;
    const method = req.method ?? 'GET';
    const plan = planRequest(module, cache, method, target, origin);
    const path = target.slice(plan.mount.length) || '/';
    const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    return {
      method,
      url: (plan.origin.bases[0] ?? '') + plan.path,
      fields: pairsOf(req.rawHeaders),
      plan,
      path,
      here: base + plan.mount,
      httpVersion: req.httpVersion,
      signal,
      ...(hasBody ? { body: req } : {}),
      onInformation: (status, fields) => inform(req, res, status, fields),
    };
  }
}

/** Sends a 1xx on, where the client understands it and it is his turn (RFC 9110 §15.2). */
function inform(req: IncomingMessage, res: ServerResponse, status: number, fields: Fields): void {
  if (req.httpVersionMinor === 0 || res.headersSent || status === 101) return;
  if (status === 100) {
    if (req.headers.expect !== undefined) res.writeContinue();
    return;
  }
  const lines = fields.filter(([name]) => !PER_CONNECTION.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}\r\n`);
  // Node sends only some of them by itself. A response that waits for others on its connection has no socket yet.
  res.socket?.write(`HTTP/1.1 ${status} \r\n${lines.join('')}\r\n`, 'latin1');
}

const PER_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'trailer',
]);
