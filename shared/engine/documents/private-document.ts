/** A document asked with the client's own credentials (CLIENT_AUTH=forward): rewritten like any other, never stored, never shared. */
import type { DocumentRoute } from '../../../caches/module';
import { LarderError } from '../../errors';
import { unpackPins } from '../../integrity/pin-list';
import type { UpstreamResponse } from '../../upstream/types';
import type { Answer, EngineRequest } from '../answer';
import { memorySource } from '../bodies/body-source';
import { notThere } from '../bodies/head';
import type { Plan } from '../plan';
import type { PrivateSources } from '../files/private-sources';
import { noSuchPart, variantOf } from './renditions';
import { strongEtag, type EngineRooms } from '../rooms';

/** @throws LarderError */
export async function privateDocument(rooms: EngineRooms, plan: Plan, request: EngineRequest, sources: PrivateSources): Promise<Answer> {
  const route = plan.route as DocumentRoute;
  // First upstream only, and never over a redirect: the credentials are for that host alone.
  const response = await rooms.upstream.fetch({
    origin: plan.origin,
    path: plan.path,
    headers: { ...route.ask, 'accept-encoding': 'gzip', authorization: request.authorization ?? '' },
    single: true,
  });
  if (response.status !== 200) {
    response.body.destroy();
    throw refusal(plan, response);
  }
  const bytes = await readAll(rooms, plan, response);
  const { distUrls } = rooms.cache;
  const asked = { accept: request.accept, collapsed: request.collapsed === true, ...(distUrls === undefined ? {} : { distUrls }) };
  const variant = variantOf(plan, asked);
  const { rendered, pins } = await rooms.pool.render({
    module: rooms.module.name,
    route: route.name,
    path: plan.path,
    url: response.url,
    home: response.base,
    source: { body: bytes },
    variant,
    base: request.documentBase ?? request.base + plan.mount,
    gzip: request.gzip,
    pins: true,
    maxBytes: rooms.config.maxDocumentBytes,
    ...(response.headers['content-encoding'] === undefined ? {} : { contentEncoding: response.headers['content-encoding'] }),
  });
  sources.keep(request.authorization ?? '', plan.key, pins ? unpackPins(pins) : []);
  if (!rendered) throw noSuchPart(plan, variant);
  const gzip = request.gzip && rendered.gzip !== undefined;
  return {
    outcome: 'pass',
    detail: 'authorization',
    contentType: rendered.contentType,
    etag: strongEtag(rendered.integrity, gzip ? '-g' : ''),
    cacheControl: 'private, no-store',
    vary: 'Accept, Accept-Encoding, Authorization',
    body: memorySource(gzip && rendered.gzip ? rendered.gzip : rendered.identity),
    ...(gzip ? { contentEncoding: 'gzip' } : {}),
  };
}

function refusal(plan: Plan, response: UpstreamResponse): LarderError {
  const { status, url, base } = response;
  if (status === 401) return new LarderError('upstream-unauthorized', { target: plan.path });
  if (status >= 500 || status === 429) return new LarderError('upstream-failed', { host: new URL(base).host, reason: `status ${status}` });
  if (status >= 300 && status < 400)
    return new LarderError('upstream-failed', { host: new URL(base).host, reason: 'it redirects, and credentials do not follow' });
  return notThere(plan, { status, url, base });
}

async function readAll(rooms: EngineRooms, plan: Plan, response: UpstreamResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > rooms.config.maxDocumentBytes)
      throw new LarderError('document-too-large', { target: plan.path, limit: rooms.config.maxDocumentBytes });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
