/**
 * The control socket of a process: proves that it lives, tells its status and what it showed to a client, and takes the order to stop. Only
 * its owner may open it.
 */
import { chmodSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Seen } from '../engine/rosters/witness';
import type { Status } from './status';

/** What this process showed an address of the rosters in a folder, lately. */
export type Witnessed = (question: { readonly folder: string; readonly address: string }) => Seen | undefined;

export interface Control {
  close(): Promise<void>;
}

/** @throws NodeJS.ErrnoException if the socket cannot be made */
export async function openControl(path: string, status: () => Promise<Status>, stop: () => void, witnessed: Witnessed): Promise<Control> {
  const server = createServer((req, res) => {
    if (req.method === 'GET' && req.url?.startsWith('/witnessed?') === true) {
      const query = new URLSearchParams(req.url.slice('/witnessed?'.length));
      const seen = witnessed({ folder: query.get('folder') ?? '', address: query.get('address') ?? '' });
      res.writeHead(seen ? 200 : 404, { 'content-type': 'application/json' }).end(seen && JSON.stringify(seen));
    } else if (req.method === 'GET' && req.url === '/status') {
      status().then(
        (body) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
        (error: unknown) => res.writeHead(500).end(String(error)),
      );
    } else if (req.method === 'POST' && req.url === '/stop') {
      res.writeHead(202).end();
      stop();
    } else res.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  // A connection that cannot be accepted (too many open files) ends nothing.
  server.on('error', () => undefined);
  chmodSync(path, 0o600);
  return { close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => void server.close(() => resolve()));
}
