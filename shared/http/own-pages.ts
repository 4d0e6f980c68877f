/** Paths below /_cache/: health without ceremony; the rest by Express, loaded on first use. They count as no activity. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express, NextFunction, Request, Response } from 'express';
import type { Module } from '../../caches/module';
import { errorText, isLarderError, LarderError } from '../errors';
import type { Status } from './status';

export interface OwnPages {
  readonly module: Module;
  readonly status: () => Promise<Status>;
  /** What the cache would do with a target, and why. */
  readonly why: (target: string) => Promise<Record<string, unknown>>;
}

/** @param base the URL under which the client sees this cache, without trailing slash: what it is told to set is what reached us */
export type OwnPageHandler = (req: IncomingMessage, res: ServerResponse, path: string, base: string) => void;

/** @returns what answers a raw path below /_cache/, told the base URL under which the client came */
export function ownPages(pages: OwnPages): OwnPageHandler {
  let app: Promise<Express> | undefined;
  const bases = new WeakMap<IncomingMessage, string>();
  return (req, res, path, base) => {
    if (path === '/_cache/health') {
      const body = `{"ok":true,"cache":"${pages.module.name}","program":"larder"}\n`;
      res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length), 'Cache-Control', 'no-store']);
      res.end(req.method === 'HEAD' ? undefined : body);
      return;
    }
    bases.set(req, base);
    app ??= makeApp(pages, (asked) => bases.get(asked) ?? '');
    app.then(
      (express) => express(req, res),
      (error: unknown) => {
        // It may be loaded for the next one.
        app = undefined;
        res.writeHead(500).end(errorText(error));
      },
    );
  };
}

async function makeApp(pages: OwnPages, baseOf: (req: IncomingMessage) => string): Promise<Express> {
  const { default: express } = await import('express');
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_req, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
  });
  app.get('/_cache/status', async (_req, res) => void res.json(await pages.status()));
  app.get('/_cache/metrics', async (_req, res) => void res.type('text/plain; version=0.0.4').send(metricsOf(await pages.status())));
  app.get('/_cache/why', async (req, res) => void res.json(await pages.why(String(req.query['url'] ?? '/'))));
  app.get('/_cache/setup', async (req, res) => {
    const { status, text } = (await import('./setup-page')).setupPage(pages.module, baseOf(req), req.query);
    res.status(status).type('text/plain').send(text);
  });
  app.use(
    (req, res) =>
      void res
        .status(404)
        .type('text/plain')
        .send(`there is nothing at ${req.path}; there are /_cache/health, status, metrics, why?url=, setup?client=&undo=\n`),
  );
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    const known = isLarderError(error) ? error : new LarderError('internal', { reason: errorText(error) }, error);
    res.status(known.status).type('text/plain').send(`${known.message}\n`);
  });
  return app;
}

function metricsOf(status: Status): string {
  const { counters, cache } = status;
  const lines = Object.entries({
    hit: counters.hits,
    miss: counters.misses,
    stale: counters.stale,
    revalidated: counters.revalidated,
    error: counters.errors,
  }).map(([outcome, count]) => `larder_requests_total{cache="${cache}",outcome="${outcome}"} ${count}`);
  for (const [reason, count] of Object.entries(counters.passes))
    lines.push(`larder_passes_total{cache="${cache}",reason="${reason}"} ${count}`);
  lines.push(`larder_held_bytes{cache="${cache}"} ${status.bytesHeld}`, `larder_held_entries{cache="${cache}"} ${status.entries}`);
  lines.push(`larder_storing{cache="${cache}"} ${status.notStoring ? 0 : 1}`);
  lines.push(`larder_digest_changes{cache="${cache}"} ${status.digestChanges?.count ?? 0}`);
  lines.push(`larder_announcement_troubles{cache="${cache}"} ${status.announcements?.length ?? 0}`);
  for (const mirror of status.mirrors)
    lines.push(`larder_mirror_healthy{cache="${cache}",base="${mirror.base}"} ${mirror.healthy ? 1 : 0}`);
  return `${lines.join('\n')}\n`;
}
