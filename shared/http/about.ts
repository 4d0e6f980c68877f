/** What a cache knows of itself, gathered for the pages about itself that its module has (`Module.ownPages`). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { About, Module } from '../../caches/module';
import type { CacheConfig } from '../config/config';
import { programVersion } from '../config/version';
import { keyPrefix } from '../engine/plan';
import type { Engine } from '../engine/serve';
import type { LarderStore } from '../store/store';
import type { Store } from '../store/types';
import type { Upstream } from '../upstream/types';
import type { Counters } from './counters';

/** Files of which one page tells; the store is asked for that many keys at a time. */
const MOST_FILES = 100_000;
/** How often a file was served is remembered of this many. */
const MOST_USED = 20_000;

interface AboutRooms {
  readonly module: Module;
  readonly cache: CacheConfig;
  readonly store: Store;
  readonly counters: Counters;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly receivedBytes: () => number;
  /** When a list of announcements was confirmed last (ms since the epoch), and how often one showed something new. */
  readonly announced: () => { readonly confirmedAt: number | undefined; readonly news: number } | undefined;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** How often entries are used, since the start of this process. */
class Uses {
  private readonly uses = new Map<string, { count: number; at: number }>();

  constructor(private readonly now: () => number) {}

  note(key: string): void {
    const known = this.uses.get(key);
    if (!known && this.uses.size >= MOST_USED) this.uses.clear();
    this.uses.set(key, { count: (known?.count ?? 0) + 1, at: this.now() });
  }

  of(key: string): { readonly count: number; readonly at: number } | undefined {
    return this.uses.get(key);
  }
}

/** Gathers the facts for a client that sees this cache at `base`. @throws Error of the store */
async function gather(rooms: AboutRooms, uses: Uses, base: string): Promise<About> {
  const { module, cache, counters } = rooms;
  const [origin] = cache.origins;
  const announced = rooms.announced();
  return {
    version: rooms.version,
    base,
    startedAt: rooms.startedAt,
    upstreams: (origin?.bases ?? []).map(withoutCredentials),
    memoryBytes: process.resourceUsage().maxRSS * 1024,
    requests: { hits: counters.hits + counters.stale + counters.revalidated, misses: counters.misses, errors: counters.errors },
    labels: Object.fromEntries(counters.labels),
    bytesSent: counters.bytesSent,
    bytesReceived: rooms.receivedBytes(),
    files: await filesOf(rooms, uses, keyPrefix(module.name, origin?.name ?? '')),
    announcedAt: announced?.confirmedAt === undefined ? undefined : new Date(announced.confirmedAt).toISOString(),
    announcements: announced?.news ?? 0,
  };
}

/** The module's own page about itself at a raw path, if there is one and the method asks for it. */
export function ownPageAt(
  { ownPages }: Module,
  method: string | undefined,
  path: string,
): ((about: About) => ReturnType<PageMaker>) | undefined {
  if (ownPages === undefined || (method !== 'GET' && method !== 'HEAD')) return undefined;
  return Object.hasOwn(ownPages, path) ? ownPages[path] : undefined;
}

type PageMaker = NonNullable<Module['ownPages']>[string];

/** Sends it. @returns bytes of body */
export function sendOwnPage(req: IncomingMessage, res: ServerResponse, { contentType, body }: ReturnType<PageMaker>): number {
  res.writeHead(200, ['Content-Type', contentType, 'Content-Length', String(body.length), 'Cache-Control', 'no-store']);
  res.end(req.method === 'HEAD' ? undefined : body);
  return req.method === 'HEAD' ? 0 : body.length;
}

/** What the module's pages about this cache are made of, for a client that sees it at a base. @returns rejects with an Error of the store */
export function aboutItself(rooms: {
  readonly module: Module;
  readonly cache: CacheConfig;
  readonly store: LarderStore;
  readonly counters: Counters;
  readonly startedAt: string;
  readonly now: () => number;
  readonly upstream: Upstream;
  readonly engine: Engine;
}): (base: string) => Promise<About> {
  const { store, upstream, engine, now } = rooms;
  const uses = new Uses(now);
  store.onUse((key) => uses.note(key));
  const facts = { ...rooms, version: programVersion(), receivedBytes: () => upstream.receivedBytes(), announced: () => engine.announced };
  return (base) => gather(facts, uses, base);
}

async function filesOf({ store }: AboutRooms, uses: Uses, prefix: string): Promise<About['files']> {
  const files: About['files'][number][] = [];
  for (let after: string | undefined; files.length < MOST_FILES;) {
    const held = await store.keys(prefix, after);
    for (const { key, kind, size, storedAt } of held) {
      if (kind !== 'file') continue;
      const used = uses.of(key);
      const usedAt = new Date(used?.at ?? storedAt).toISOString();
      files.push({ path: key.slice(prefix.length), size, used: 1 + (used?.count ?? 0), usedAt });
    }
    const last = held.at(-1)?.key;
    if (last === undefined || last === after) break;
    after = last;
  }
  return files;
}

function withoutCredentials(base: string): string {
  const url = new URL(base);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}
