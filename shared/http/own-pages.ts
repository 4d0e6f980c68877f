/** Paths below /_cache/: health without ceremony; the rest by Express, loaded on first use. They count as no activity. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express, NextFunction, Request, Response } from 'express';
import type { Module } from '../../caches/module';
import { errorText, isLarderError, LarderError } from '../errors';
import type { Status } from './status';

export interface OwnPages {
  readonly module: Module;
  readonly base: () => string;
  readonly status: () => Promise<Status>;
  /** What the cache would do with a target, and why. */
  readonly why: (target: string) => Promise<Record<string, unknown>>;
}

export function ownPages(pages: OwnPages): (req: IncomingMessage, res: ServerResponse, path: string) => void {
  let app: Promise<Express> | undefined;
  return (req, res, path) => {
    if (path === '/_cache/health') {
      const body = `{"ok":true,"cache":"${pages.module.name}","program":"larder"}\n`;
      res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length), 'Cache-Control', 'no-store']);
      res.end(req.method === 'HEAD' ? undefined : body);
      return;
    }
    app ??= makeApp(pages);
    app.then(
      (express) => express(req, res),
      (error: unknown) => res.writeHead(500).end(errorText(error)),
    );
  };
}

async function makeApp(pages: OwnPages): Promise<Express> {
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
  app.get('/_cache/setup', (req, res) => void res.type('text/plain').send(setupOf(pages, String(req.query['client'] ?? ''))));
  app.use(
    (req, res) =>
      void res
        .status(404)
        .type('text/plain')
        .send(`there is nothing at ${req.path}; there are /_cache/health, status, metrics, why?url=, setup?client=\n`),
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
  for (const mirror of status.mirrors)
    lines.push(`larder_mirror_healthy{cache="${cache}",base="${mirror.base}"} ${mirror.healthy ? 1 : 0}`);
  return `${lines.join('\n')}\n`;
}

function setupOf(pages: OwnPages, client: string): string {
  const lines = pages.module.clients(pages.base()).filter((line) => client === '' || line.client.toLowerCase() === client.toLowerCase());
  if (lines.length === 0) return `# no client ${client} here\n`;
  return lines.map((line) => `# ${line.client}\n${line.on}\n# take it back: ${line.off}\n`).join('\n');
}
