/**
 * The door of one cache: every request comes in here, is answered by the hit path if it can be, else goes through the rooms, and
 * every error becomes a response here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { About, Module } from '../../caches/module';
import type { CacheConfig, Config } from '../config/config';
import type { Answer, EngineRequest, Outcome } from '../engine/answer';
import type { Engine } from '../engine/serve';
import { ERRORS, isLarderError, LarderError } from '../errors';
import type { Log } from '../log/types';
import { ownPageAt, sendOwnPage } from './about';
import type { Archives } from './archives';
import type { Bases } from './bases';
import { closeUnanswered, endGently, isClosing } from './close-unanswered';
import type { Counters } from './counters';
import { onDeparture } from './departure';
import { baseOf, destinationOf, isForeign, routeOf } from './destination';
import type { Hot } from './hot';
import type { Nets } from './nets';
import { ownAnswerTo, sendMirrorList, sendOwnAnswer } from './own-answers';
import type { OwnPageHandler } from './own-pages';
import type { Passthrough } from './passthrough';
import { asLarderError, isLeftUnanswered, placeForStrangers, refuse } from './refuse';
import { acceptsGzip, acceptsZstd, type RequestFacts } from './request-facts';
import { send, type Sent } from './send';
import { MirrorDoor } from './mirror-door';
import { parseTarget, type Target } from './target';

/** Paths below it are the cache's own, on every cache. */
const OWN_PREFIX = '/_cache/';
/** Whether the cache answers at all. */
const HEALTH_PATH = '/_cache/health';

export interface ServerRooms {
  readonly config: Config;
  readonly cache: CacheConfig;
  readonly module: Module;
  readonly engine: Engine;
  readonly hot: Hot;
  readonly bases: Bases;
  /** For modules whose clients name the archive. */
  readonly archives?: Archives;
  readonly passthrough: Passthrough;
  readonly counters: Counters;
  readonly log: Log;
  readonly viaToken: string;
  readonly trusted: Nets;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Facts for the module's pages about this cache, for a client that sees it at a base. @throws Error of the store */
  readonly about?: (base: string) => Promise<About>;
  /** Why nothing is stored at present. */
  readonly notStoring?: () => unknown;
  /** Sockets wake this process, and it exits when it has nothing to do. */
  readonly isWoken?: boolean;
  /** Answers below OWN_PREFIX. */
  readonly own: OwnPageHandler;
}

export interface Done {
  readonly status: number;
  readonly bytes: number;
  readonly outcome: string;
  readonly detail?: string | undefined;
}

/** Outcomes whose body came from the store. */
const HELD: ReadonlySet<Outcome> = new Set<Outcome>(['hit', 'stale', 'revalidated']);

export class Door {
  /** The newest response of a connection that was not at once complete. */
  private readonly newest = new WeakMap<Socket, ServerResponse>();

  private readonly mirrorDoor: MirrorDoor;
  /** Every answer says that the connection ends with it. */
  isEnding = false;
  /** Requests that clients had an answer of ours to: no counter has them. Those for pages about the cache are not among them. */
  answeredItself = 0;
  /** Requests that are being answered, but those for pages about the cache. */
  underWay = 0;

  constructor(private readonly rooms: ServerRooms) {
    this.mirrorDoor = new MirrorDoor(rooms);
  }

  readonly handle = (req: IncomingMessage, res: ServerResponse): void => {
    if (this.isEnding) {
      res.shouldKeepAlive = false;
      endGently(req.socket);
    }
    if (isClosing(req.socket) || this.rooms.hot.serve(req, res)) return;
    const began = performance.now();
    this.newest.set(req.socket, res);
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

  /** For a request that waits for 100 before its body: whoever streams it on lets the origin say so (RFC 9110 §10.1.1). */
  readonly handleExpecting = (req: IncomingMessage, res: ServerResponse): void => {
    if (!this.rooms.engine.mirror) res.writeContinue();
    this.handle(req, res);
  };

  /** Whether something is still to be sent over a connection. */
  isAnswering(socket: Socket): boolean {
    return this.newest.get(socket)?.writableFinished === false;
  }

  private async answer(req: IncomingMessage, res: ServerResponse, raw: string): Promise<Done | undefined> {
    const facts = this.rooms.hot.read(req.rawHeaders);
    const target = parseTarget(raw, this.rooms.archives !== undefined);
    const trusted = this.rooms.trusted.has(req.socket.remoteAddress);
    if (target.absolute === undefined && target.path.startsWith(OWN_PREFIX)) {
      this.isOnlyLookedAt(res);
      // A probe may come under any name; what the other pages tell is for clients that know ours (DNS rebinding).
      this.rooms.own(req, res, target.path, target.path === HEALTH_PATH ? '' : this.rooms.bases.of(facts, trusted));
      return undefined;
    }
    if (this.answerOurselves(req, res, facts, target, trusted)) {
      this.answeredItself++;
      return undefined;
    }
    const page = isForeign(this.rooms, target) ? undefined : ownPageAt(this.rooms.module, req.method, target.path);
    if (page && this.rooms.about) {
      this.isOnlyLookedAt(res);
      const about = await this.rooms.about(baseOf(this.rooms, facts, target, trusted));
      return { status: 200, bytes: sendOwnPage(req, res, page(about)), outcome: 'own' };
    }
    this.underWay++;
    try {
      return await this.pursue(req, res, facts, target, trusted);
    } finally {
      this.underWay--;
    }
  }

  /** Who looks every few seconds keeps nothing awake, neither by asking nor by a connection. */
  private isOnlyLookedAt(res: ServerResponse): void {
    if (this.rooms.isWoken) res.shouldKeepAlive = false;
  }

  /** What is more than a page of ours. */
  private async pursue(
    req: IncomingMessage,
    res: ServerResponse,
    facts: RequestFacts,
    target: Target,
    trusted: boolean,
  ): Promise<Done | undefined> {
    this.refuseLoop(facts);
    refuseCoding(req);
    const { mirror } = this.rooms.engine;
    if (mirror) return this.mirrorDoor.serve(req, res, destinationOf(this.rooms, facts, { ...target, path: target.raw }, trusted), mirror);
    const request: EngineRequest = {
      ...destinationOf(this.rooms, facts, target, trusted),
      method: req.method ?? 'GET',
      collapsed: target.collapsed,
      gzip: acceptsGzip(facts.acceptEncoding),
      zstd: acceptsZstd(facts.acceptEncoding),
      onlyIfCached: facts.cacheControl !== undefined && /\bonly-if-cached\b/i.test(facts.cacheControl),
      client: req.socket,
      field: (name) => textOf(req.headers[name]),
      ...(req.socket.remoteAddress === undefined ? {} : { address: req.socket.remoteAddress }),
      ...(facts.accept === undefined ? {} : { accept: facts.accept }),
      ...(facts.range === undefined ? {} : { range: facts.range }),
      ...(facts.ifRange === undefined ? {} : { ifRange: facts.ifRange }),
      ...(facts.authorization === undefined ? {} : { authorization: facts.authorization }),
    };
    const cutOff = (): void => this.rooms.engine.cutOff(request);
    const forget = onDeparture(req, res, cutOff);
    try {
      return await this.serve(req, res, facts, request);
    } catch (error) {
      return this.fail(req, res, error, request);
    } finally {
      forget();
      if (!res.writableEnded) cutOff();
    }
  }

  /** @returns false if the module has no answer of its own to this target, which names this cache. @throws LarderError bad-target */
  private answerOurselves(req: IncomingMessage, res: ServerResponse, facts: RequestFacts, target: Target, trusted: boolean): boolean {
    const { module, cache, bases } = this.rooms;
    // For those only who know us by one of our names.
    if (module.plainMirrors?.list === target.raw && baseOf(this.rooms, facts, target, trusted))
      return sendMirrorList(req, res, module, cache, target.raw);
    const found = ownAnswerTo(module, req.method, target.raw);
    if (!found || isForeign(this.rooms, target)) return false;
    let base: string;
    try {
      base = baseOf(this.rooms, facts, target, trusted);
    } catch (error) {
      if (!isLarderError(error) || error.code !== 'misdirected') throw error;
      // A probe comes under whatever name or address it tries; the page then names an address that is ours.
      base = bases.of({ ...facts, host: undefined }, false);
    }
    sendOwnAnswer(req, res, module, found, base);
    return true;
  }

  private async serve(req: IncomingMessage, res: ServerResponse, facts: RequestFacts, request: EngineRequest): Promise<Done> {
    const { version } = this.rooms.hot;
    const made = await this.rooms.engine.answer(request);
    const isLost = 'outcome' in made && made.outcome === 'miss' && this.rooms.notStoring?.() !== undefined;
    const answer = isLost ? { ...made, detail: 'not-storing' } : made;
    if ('pass' in answer) {
      const passed = await this.rooms.passthrough.pass(req, res, answer);
      return { ...passed, outcome: 'pass', detail: answer.pass };
    }
    this.rooms.hot.keep(req, facts, request.base, answer, version);
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

  private refuseLoop(facts: RequestFacts): void {
    if (facts.via?.includes(`larder-${this.rooms.viaToken}`) === true) throw new LarderError('loop', { cache: this.rooms.cache.name });
  }

  private fail(req: IncomingMessage, res: ServerResponse, thrown: unknown, request?: EngineRequest): Done {
    const { module, cache } = this.rooms;
    const error = asLarderError(thrown);
    const { level } = ERRORS[error.code];
    if (level !== 'info')
      this.rooms.log[level](error.code, { ...error.facts, ...(error.code === 'internal' ? { stack: (thrown as Error).stack ?? '' } : {}) });
    if (request && !res.headersSent && isLeftUnanswered(routeOf(module, cache, request), error, request.method)) {
      closeUnanswered(req, res);
      return { status: 0, bytes: 0, outcome: 'error' };
    }
    const elsewhere = request && !res.headersSent ? placeForStrangers(module, cache, request, error) : undefined;
    if (elsewhere !== undefined) {
      res.writeHead(302, ['Location', elsewhere, 'Content-Length', '0', 'Cache-Control', 'no-store', 'X-Cache', 'error']);
      res.end();
      return { status: 302, bytes: 0, outcome: 'error' };
    }
    const bytes = refuse(req, res, module, error);
    return { status: bytes === undefined ? 0 : error.status, bytes: bytes ?? 0, outcome: 'error' };
  }

  private note(req: IncomingMessage, target: string, done: Done, ms: number): void {
    // A page about the cache itself is no use of it.
    if (done.outcome !== 'own') this.rooms.counters.count(done.outcome, done.detail, done.bytes);
    this.rooms.counters.timed(target, ms);
    const { said } = this.rooms.hot.read(req.rawHeaders);
    const outcome = done.outcome === 'pass' ? `pass (${done.detail})` : done.outcome;
    this.rooms.log.access({
      address: req.socket.remoteAddress ?? '-',
      method: req.method ?? '-',
      target,
      status: done.status,
      bytes: done.bytes,
      outcome,
      ms,
      said,
    });
  }
}

function textOf(field: string | readonly string[] | undefined): string | undefined {
  return typeof field === 'string' ? field : field?.join(', ');
}

/** Chunks alone are undone here; what else is in a coding would go on without its name (RFC 9112 §6.1). */
function refuseCoding(req: IncomingMessage): void {
  const coding = req.headers['transfer-encoding'];
  if (coding !== undefined && !/^[ \t]*chunked[ \t]*$/i.test(coding)) throw new LarderError('coding-unknown', { coding });
}
