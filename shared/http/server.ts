/**
 * The door of one cache: every request comes in here, is answered by the hit path if it can be, else goes through the rooms, and
 * every error becomes a response here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Module } from '../../caches/module';
import type { CacheConfig, Config } from '../config/config';
import type { Answer, EngineRequest, Outcome } from '../engine/answer';
import type { Engine } from '../engine/serve';
import { ERRORS, isLarderError, LarderError } from '../errors';
import type { Log } from '../log/types';
import type { Bases } from './bases';
import type { Counters } from './counters';
import type { Hot } from './hot';
import type { Nets } from './nets';
import type { Passthrough } from './passthrough';
import { asLarderError, refuse } from './refuse';
import { acceptsGzip, readFacts, type RequestFacts } from './request-facts';
import { send, type Sent } from './send';
import { parseTarget, type Target } from './target';

/** Paths below it are the cache's own, on every cache. */
export const OWN_PREFIX = '/_cache/';
/** Whether the cache answers at all. */
export const HEALTH_PATH = '/_cache/health';

export interface ServerRooms {
  readonly config: Config;
  readonly cache: CacheConfig;
  readonly module: Module;
  readonly engine: Engine;
  readonly hot: Hot;
  readonly bases: Bases;
  readonly passthrough: Passthrough;
  readonly counters: Counters;
  readonly log: Log;
  readonly viaToken: string;
  readonly trusted: Nets;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Answers below OWN_PREFIX. */
  readonly own: (req: IncomingMessage, res: ServerResponse, path: string) => void;
}

interface Done {
  readonly status: number;
  readonly bytes: number;
  readonly outcome: string;
  readonly detail?: string | undefined;
}

/** Outcomes whose body came from the store. */
const HELD: ReadonlySet<Outcome> = new Set<Outcome>(['hit', 'stale', 'revalidated']);

export class Door {
  constructor(private readonly rooms: ServerRooms) {}

  readonly handle = (req: IncomingMessage, res: ServerResponse): void => {
    if (this.rooms.hot.serve(req, res)) return;
    const began = performance.now();
    // Taken now: passing on rewrites the request's url.
    const raw = req.url ?? '/';
    this.answer(req, res, raw)
      .catch((error: unknown) => this.fail(req, res, error))
      .then((done) => done && this.note(req, raw, done, performance.now() - began))
      .catch((error: unknown) => {
        this.rooms.log.error('request-failed', { reason: String(error) });
        res.destroy();
      });
  };

  private async answer(req: IncomingMessage, res: ServerResponse, raw: string): Promise<Done | undefined> {
    const facts = readFacts(req.rawHeaders);
    const target = parseTarget(raw);
    const trusted = this.rooms.trusted.has(req.socket.remoteAddress);
    if (target.absolute === undefined && target.path.startsWith(OWN_PREFIX)) {
      // A probe may come under any name; what the other pages tell is for clients that know ours (DNS rebinding).
      if (target.path !== HEALTH_PATH) this.rooms.bases.of(facts, trusted);
      this.rooms.own(req, res, target.path);
      return undefined;
    }
    this.refuseLoop(facts);
    const proxied = target.absolute && !this.rooms.bases.accepts(target.absolute.host) ? this.proxied(target) : undefined;
    const base = proxied?.base ?? this.rooms.bases.of(target.absolute ? { ...facts, host: target.absolute.host } : facts, trusted);
    const request: EngineRequest = {
      method: req.method ?? 'GET',
      target: proxied?.target ?? target.path,
      base,
      gzip: acceptsGzip(facts.acceptEncoding),
      onlyIfCached: facts.cacheControl !== undefined && /\bonly-if-cached\b/i.test(facts.cacheControl),
      ...(proxied ? { documentBase: proxied.base } : {}),
      ...(facts.accept === undefined ? {} : { accept: facts.accept }),
      ...(facts.range === undefined ? {} : { range: facts.range }),
      ...(facts.ifRange === undefined ? {} : { ifRange: facts.ifRange }),
      ...(facts.authorization === undefined ? {} : { authorization: facts.authorization }),
    };
    return this.serve(req, res, facts, request, target.absolute === undefined);
  }

  private async serve(
    req: IncomingMessage,
    res: ServerResponse,
    facts: RequestFacts,
    request: EngineRequest,
    direct: boolean,
  ): Promise<Done> {
    const { version } = this.rooms.hot;
    const answer = await this.rooms.engine.answer(request);
    if ('pass' in answer) {
      const passed = await this.rooms.passthrough.pass(req, res, answer);
      return { ...passed, outcome: 'pass', detail: answer.pass };
    }
    if (direct) this.rooms.hot.keep(req, facts, request.base, answer, version);
    const sent = await this.sendHealing(req, res, facts, request, answer);
    // A body that broke off was no success, whatever its status line said.
    return { ...sent, outcome: sent.failure === undefined ? answer.outcome : 'error', detail: answer.detail };
  }

  /** Held bytes that turn out damaged before the first of them was sent are fetched anew. */
  private async sendHealing(
    req: IncomingMessage,
    res: ServerResponse,
    facts: RequestFacts,
    request: EngineRequest,
    answer: Answer,
  ): Promise<Sent> {
    try {
      return await send(req, res, facts, answer, this.rooms.now());
    } catch (error) {
      if (!isLarderError(error) || error.code !== 'integrity' || !HELD.has(answer.outcome) || res.headersSent) throw error;
      const again = await this.rooms.engine.answer(request);
      if ('pass' in again) throw error;
      return send(req, res, facts, again, this.rooms.now());
    }
  }

  /** A plain forward-proxy request for a registry of ours: documents keep that registry's address. */
  private proxied(target: Target): { base: string; target: string } {
    const { cache, module } = this.rooms;
    const host = target.absolute?.host ?? '';
    if (!module.forwardProxy) throw new LarderError('target-refused', { host, cache: cache.name });
    let found: { prefix: string; mount: string } | undefined;
    for (const origin of cache.origins) {
      for (const base of origin.bases) {
        const url = new URL(base);
        const prefix = url.pathname.replace(/\/$/, '');
        if (hostOf(url.host) !== hostOf(host) || !(target.path === prefix || target.path.startsWith(`${prefix}/`))) continue;
        // Of registries on one host, one below the other, the deeper one is meant.
        if (found === undefined || prefix.length > found.prefix.length)
          found = { prefix, mount: origin === cache.origins[0] ? '' : `/${origin.name}` };
      }
    }
    if (!found) throw new LarderError('target-refused', { host, cache: cache.name });
    return { base: `http://${host}${found.prefix}`, target: found.mount + (target.path.slice(found.prefix.length) || '/') };
  }

  private refuseLoop(facts: RequestFacts): void {
    if (facts.via?.includes(`larder-${this.rooms.viaToken}`) === true) throw new LarderError('loop', { cache: this.rooms.cache.name });
  }

  private fail(req: IncomingMessage, res: ServerResponse, thrown: unknown): Done {
    const error = asLarderError(thrown);
    const { level } = ERRORS[error.code];
    if (level !== 'info')
      this.rooms.log[level](error.code, { ...error.facts, ...(error.code === 'internal' ? { stack: (thrown as Error).stack ?? '' } : {}) });
    const bytes = refuse(req, res, this.rooms.module, error);
    return { status: bytes === undefined ? 0 : error.status, bytes: bytes ?? 0, outcome: 'error' };
  }

  private note(req: IncomingMessage, target: string, done: Done, ms: number): void {
    this.rooms.counters.count(done.outcome, done.detail, done.bytes);
    const outcome = done.outcome === 'pass' ? `pass (${done.detail})` : done.outcome;
    this.rooms.log.access({
      address: req.socket.remoteAddress ?? '-',
      method: req.method ?? '-',
      target,
      status: done.status,
      bytes: done.bytes,
      outcome,
      ms,
    });
  }
}

/** Host without the default port: clients drop it, operators may write it. */
function hostOf(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)$/, '');
}
