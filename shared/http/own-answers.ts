/** Answers that a module wants this cache to give itself, by target, whatever an upstream has there (apt: the probe of auto-apt-proxy). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Module, OwnAnswer } from '../../caches/module';
import type { CacheConfig } from '../config/config';

/** The module's own answer to a target, if it has one. */
export function ownAnswerTo({ ownAnswers }: Module, method: string | undefined, rawTarget: string): OwnAnswer | undefined {
  if (ownAnswers === undefined || (method !== 'GET' && method !== 'HEAD')) return undefined;
  return Object.hasOwn(ownAnswers, rawTarget) ? ownAnswers[rawTarget] : undefined;
}

/** Sends it: for people a page, for probes the status line exactly as it stands in the table. @param base no trailing slash */
export function sendOwnAnswer(req: IncomingMessage, res: ServerResponse, module: Module, answer: OwnAnswer, base: string): void {
  const way = `${base}/${answer.leadsTo.replace(/^\/+/, '')}`;
  const body = Buffer.from(pageOf(module, answer, base, way));
  const headers = ['Content-Type', 'text/html; charset=utf-8', 'Content-Length', String(body.length), 'Cache-Control', 'no-store'];
  if (answer.status >= 300 && answer.status < 400) headers.push('Location', way);
  res.writeHead(answer.status, answer.reason, headers);
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Tells clients of the plain mirrors, if they ask for that. @returns whether they did */
export function sendMirrorList(
  req: IncomingMessage,
  res: ServerResponse,
  { plainMirrors: mirrors }: Module,
  cache: CacheConfig,
  rawTarget: string,
): boolean {
  if (mirrors?.list !== rawTarget || (req.method !== 'GET' && req.method !== 'HEAD')) return false;
  const plain = cache.origins.filter(({ isPlainMirror }) => isPlainMirror);
  const { contentType, body } = mirrors.describe(plain.map(({ name, bases }) => ({ base: bases[0] ?? '', path: `/${name}/` })));
  res.writeHead(200, ['Content-Type', contentType, 'Content-Length', String(body.length), 'Cache-Control', 'no-store']);
  res.end(req.method === 'HEAD' ? undefined : body);
  return true;
}

function pageOf(module: Module, answer: OwnAnswer, base: string, way: string): string {
  const lines = module.clients(base).map(({ client, on, off }) => {
    return `<h2>${escaped(client)}</h2>\n<pre>${escaped(on)}</pre>\n<p>and back: <code>${escaped(off)}</code></p>`;
  });
  return [
    '<!doctype html>',
    `<meta charset="utf-8"><title>Larder: ${escaped(module.title)}</title>`,
    `<h1>${escaped(answer.reason)}</h1>`,
    `<p>This is a cache of packages: ${escaped(module.title)}. <a href="${escaped(way)}">How it does</a></p>`,
    ...lines,
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
