/**
 * The engine of one cache, as a table of contents: plan the request, then documents, files, or pass it on.
 * Each way ends in an Answer that http/ sends, or in a LarderError that http/ turns into the ecosystem's error.
 */
import type { Asked, DocumentRoute } from '../../caches/module';
import type { Origin } from '../config/config';
import { errorText, isLarderError, LarderError } from '../errors';
import { Absences } from './absences';
import type { Answer, EngineRequest } from './answer';
import { memorySource } from './body-source';
import { DocumentDates } from './document-dates';
import { DocumentDesk, type DocumentAnswer } from './document-desk';
import { wholeOrEarly } from './early';
import { FileDesk } from './file-desk';
import { FileHosts } from './file-hosts';
import { judge, lifetimeSeconds } from './freshness';
import { HeldBodies } from './held-body';
import { misplaced } from './misplaced';
import { NegativeCache } from './negative';
import { keyPrefix, planPinningDocument, planRequest, planTarget, type Plan } from './plan';
import { privateDocument } from './private-document';
import { PrivateSources } from './private-sources';
import { noSuchPart, Renditions, variantOf, type Rendition } from './renditions';
import { openRosterHouse, type RosterHouse, type RosterOptions } from './roster-house';
import { strongEtag, type EngineRooms } from './rooms';
import { elsewhere, whereSaid, type PassOn } from './where-said';
import { why } from './why';
import type { Seen } from './witness';

/** Of one request: with the held document, with its rendering, and with neither. */
const MOST_ATTEMPTS = 3;

export type { PassOn } from './where-said';

export class Engine {
  private readonly negative: NegativeCache;
  private readonly bodies: HeldBodies;
  private readonly documents: DocumentDesk;
  private readonly files: FileDesk;
  private readonly renditions: Renditions;
  private readonly sources: PrivateSources;
  private readonly dates: DocumentDates;
  private readonly rosterHouse: RosterHouse | undefined;

  /** @param rosters what it takes to deal with rosters; only for modules that have some */
  constructor(
    readonly rooms: EngineRooms,
    rosters?: RosterOptions,
  ) {
    this.negative = new NegativeCache(rooms.config.negativeTtlSeconds, rooms.now);
    this.bodies = new HeldBodies(rooms);
    this.sources = new PrivateSources(rooms.now);
    this.dates = new DocumentDates(rooms);
    const hosts = new FileHosts(rooms);
    this.documents = new DocumentDesk(rooms, this.negative, this.bodies, hosts);
    const absences = new Absences(rooms, this.documents);
    this.files = new FileDesk(rooms, this.documents, this.bodies, this.negative, hosts, absences);
    this.renditions = new Renditions(rooms, this.bodies, absences);
    const hasRosters = rosters && rooms.module.routes.some((route) => route.kind === 'roster');
    this.rosterHouse = hasRosters ? openRosterHouse(rooms, rosters, this.files, this.bodies, this.negative) : undefined;
  }

  /** Downloads under way: a cache with some is not idle. */
  get underWay(): number {
    return this.documents.underWay + this.files.underWay + (this.rosterHouse?.rosters.underWay ?? 0);
  }

  /** What this process showed a client's address of a folder's rosters: sister processes ask. */
  witnessed(question: { readonly folder: string; readonly address: string }): Seen | undefined {
    return this.rosterHouse?.witness.shownTo(question.address, question.folder);
  }

  /** @throws LarderError */
  async answer(request: EngineRequest): Promise<Answer | PassOn> {
    const { module, cache } = this.rooms;
    const plan = planRequest(module, cache, request.method, request.target, request.origin);
    await this.refuseAsking(plan, request);
    if (plan.route.kind === 'passthrough') {
      if (plan.route.needsCredentials === true && cache.clientAuth === 'strip') {
        throw new LarderError('credentials-stripped', { what: plan.route.purpose, cache: cache.name });
      }
      const { saidBy } = plan.route;
      if (saidBy) return whereSaid(this.rooms, this.documents, plan, saidBy(plan.params));
      if (plan.route.stales) return { pass: 'write', plan };
      return { pass: this.forwarded(plan, request) === undefined ? 'route' : 'authorization', plan };
    }
    const authorization = this.forwarded(plan, request);
    if (authorization !== undefined) {
      if (plan.route.kind !== 'document' || !plan.route.codec) return this.privateFile(plan, authorization);
      return privateDocument(this.rooms, plan, request, this.sources);
    }
    try {
      if (plan.route.kind === 'roster' || plan.route.kind === 'listed') return await this.listed(plan, request);
      return await (plan.route.kind === 'document' ? this.document(plan, request) : this.file(plan, request));
    } catch (error) {
      throw this.asInvitation(plan, error);
    }
  }

  /** Many clients send their credentials only when they are asked for them (401), which makes sense only where they are passed on. */
  private asInvitation({ origin, path }: Plan, error: unknown): unknown {
    const isAsked = isLarderError(error) && error.code === 'upstream-denied' && error.facts['status'] === 401;
    if (!isAsked || this.rooms.cache.clientAuth !== 'forward' || !origin.operatorNamed) return error;
    return new LarderError('upstream-unauthorized', { target: path }, error);
  }

  /** A roster, or a file that belongs to one; what no roster lists is passed on. */
  private async listed(plan: Plan, request: EngineRequest): Promise<Answer | PassOn> {
    const house = this.rosterHouse;
    if (!house) return { pass: 'route', plan };
    if (plan.route.kind === 'roster') return house.rosters.get(plan, request);
    const answer = await house.listed.get(plan, request);
    if (!answer && this.rooms.config.offline) throw new LarderError('offline-pass', { target: plan.path });
    return answer ?? { pass: 'route', plan };
  }

  /** The client's credentials, if they are passed on: to upstreams that the operator named, never to what only a client names. */
  private forwarded({ origin }: Plan, { authorization }: EngineRequest): string | undefined {
    return this.rooms.cache.clientAuth === 'forward' && origin.operatorNamed ? authorization : undefined;
  }

  /** @throws LarderError if the answer would be the upstream's, and the operator or the client wants nobody asked */
  private async refuseAsking(plan: Plan, request: EngineRequest): Promise<void> {
    const { cache, config, store, now } = this.rooms;
    const { route, path: target } = plan;
    const passes = route.kind === 'passthrough' || this.forwarded(plan, request) !== undefined;
    if (passes && config.offline) throw new LarderError('offline-pass', { target });
    if (request.onlyIfCached !== true) return;
    const verdict = passes ? undefined : judge(await store.find(plan.key), route, cache, config, now()).do;
    if (verdict === undefined || verdict === 'fetch' || verdict === 'revalidate') throw new LarderError('only-if-cached', { target });
  }

  /** What would be done with a target, for people who wonder. Asks nobody. @throws LarderError */
  async why(target: string, archive?: Origin): Promise<Record<string, unknown>> {
    const plan = planRequest(this.rooms.module, this.rooms.cache, 'GET', target, archive);
    return why({ rooms: this.rooms, documents: this.documents, house: this.rosterHouse }, plan);
  }

  /** Waits a moment for downloads under way, which then are kept for resuming. */
  async close(): Promise<void> {
    await this.files.close();
    await this.documents.close();
  }

  /** A write went through: what it changed is asked again before the next answer. Never rejects. */
  async wrote(plan: Plan): Promise<void> {
    const { module, cache, log } = this.rooms;
    const targets = plan.route.kind === 'passthrough' ? (plan.route.stales?.(plan.params) ?? []) : [];
    for (const target of targets) {
      const stale = planTarget(module, cache, plan.origin, 'GET', target);
      // The write itself succeeded, whatever becomes of our copies.
      await this.documents.wrote(stale).catch((error: unknown) => log.warn('not-storing', { key: stale.key, reason: errorText(error) }));
    }
    // What did not exist a moment ago may exist now: 404s of this origin's files are forgotten altogether, they are short-lived anyway.
    this.negative.forgetPrefix(keyPrefix(module.name, plan.origin.name));
  }

  /** What a private document has at another place than the rewritten one says is asked for there. */
  private privateFile(plan: Plan, authorization: string): PassOn {
    const document = planPinningDocument(this.rooms.module, this.rooms.cache, plan);
    const source = document && this.sources.find(authorization, document.key, plan.path);
    if (source === undefined) return { pass: 'authorization', plan };
    return { pass: 'authorization', ...elsewhere(plan, source) };
  }

  private async file(plan: Plan, request: EngineRequest): Promise<Answer> {
    try {
      return await this.files.get(plan, request);
    } catch (error) {
      const elsewhere =
        isLarderError(error) && error.code === 'upstream-not-found' ? await misplaced(this.rooms, this.documents, plan) : undefined;
      if (!elsewhere) throw error;
      return this.files.get(elsewhere, request);
    }
  }

  /** A document; its answer may begin before it is there. @throws LarderError */
  private document(plan: Plan, request: EngineRequest): Promise<Answer> {
    const { codec, vary } = plan.route as DocumentRoute;
    const variant = variantOf(plan, this.asked(request));
    const contentType = codec?.early?.(variant);
    const whole = this.wholeDocument(plan, request);
    if (contentType === undefined) return whole;
    return wholeOrEarly(this.rooms, {
      key: plan.key,
      contentType,
      vary: varyOf(vary),
      whole,
      isArriving: () => this.documents.isArriving(plan),
      identity: () => this.wholeDocument(plan, { ...request, gzip: false }),
    });
  }

  /** What a request wants of a document. */
  private asked({ accept, collapsed }: EngineRequest): Asked {
    const { distUrls } = this.rooms.cache;
    return { accept, collapsed: collapsed === true, ...(distUrls === undefined ? {} : { distUrls }) };
  }

  private async wholeDocument(plan: Plan, request: EngineRequest): Promise<Answer> {
    const asked = this.asked(request);
    const variant = variantOf(plan, asked);
    const { codec } = plan.route as DocumentRoute;
    const wanted = codec && { variant, base: request.documentBase ?? request.base + plan.mount, gzip: request.gzip };
    let isReadable = true;
    for (let attempt = 1; ; attempt++) {
      const document = await (isReadable ? this.documents.get(plan, wanted) : this.documents.afresh(plan, wanted));
      try {
        if (!wanted) return await this.plain(plan, document);
        const rendition = await this.renditions.of(plan, document, wanted);
        if (!rendition) throw noSuchPart(plan, variant);
        return await this.rendered(plan, document, rendition, asked);
      } catch (error) {
        // What was held is gone, or damaged and quarantined now: once more, from the upstream.
        if (!isLarderError(error) || !isOfHeld(error) || attempt === MOST_ATTEMPTS) throw error;
        isReadable = error.code !== 'held-unreadable';
      }
    }
  }

  private async rendered(plan: Plan, document: DocumentAnswer, rendition: Rendition, asked: Asked): Promise<Answer> {
    const { entry, outcome } = document;
    if (!document.unstored) this.rooms.store.used(entry.key);
    const lifetime = lifetimeSeconds(plan.route, this.rooms.cache);
    const { vary } = plan.route as DocumentRoute;
    const about = {
      outcome,
      contentType: rendition.contentType,
      etag: rendition.etag,
      cacheControl: `public, max-age=${lifetime}`,
      vary: varyOf(vary),
      confirmedAt: entry.checkedAt,
      ...(vary === undefined ? {} : { variantOf: (accept: string | undefined) => variantOf(plan, { ...asked, accept }) }),
      ...(document.detail === undefined ? {} : { detail: document.detail }),
      ...(rendition.contentEncoding === undefined ? {} : { contentEncoding: rendition.contentEncoding }),
      ...(await this.dates.of(plan.route, entry)),
    };
    if (!Buffer.isBuffer(rendition.body)) return { ...about, body: await this.bodies.open(rendition.body) };
    const freshUntil = this.rooms.config.offline ? Infinity : entry.checkedAt + lifetime * 1000;
    // Stale answers and documents that are not stored must be decided anew each time.
    const lasting = outcome !== 'stale' && !document.unstored && entry.stale !== true;
    const ready = { bytes: rendition.body, freshUntil, usedKey: entry.key };
    return { ...about, body: memorySource(rendition.body), ...(lasting ? { ready } : {}) };
  }

  private async plain(plan: Plan, document: DocumentAnswer): Promise<Answer> {
    const { entry } = document;
    const about = {
      outcome: document.outcome,
      cacheControl: `public, max-age=${lifetimeSeconds(plan.route, this.rooms.cache)}`,
      vary: '',
      confirmedAt: entry.checkedAt,
      etag: strongEtag(entry.integrity),
      ...(document.detail === undefined ? {} : { detail: document.detail }),
      ...(entry.contentType === undefined ? {} : { contentType: entry.contentType }),
      ...(entry.contentEncoding === undefined ? {} : { contentEncoding: entry.contentEncoding }),
      ...(entry.lastModified === undefined ? {} : { lastModified: entry.lastModified }),
    };
    if (document.unstored) return { ...about, body: memorySource(document.unstored.body) };
    this.rooms.store.used(entry.key);
    return { ...about, body: await this.bodies.open(entry) };
  }
}

/** Renderings depend on what codings a client takes, and perhaps on more. */
function varyOf(vary: string | undefined): string {
  return vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`;
}

/** Whether an error says that held bytes are of no use, while the upstream's may be. */
function isOfHeld({ code }: LarderError): boolean {
  return code === 'integrity' || code === 'held-unreadable';
}
