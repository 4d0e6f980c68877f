/** Answers with documents: whole or early, as they are or rendered, and what it means that there is none. */
import type { Asked, DocumentRoute } from '../../../caches/module';
import { isLarderError } from '../../errors';
import type { LarderError } from '../../errors';
import type { Answer, EngineRequest } from '../answer';
import { memorySource } from '../bodies/body-source';
import type { DocumentDates } from './document-dates';
import type { DocumentAnswer, DocumentDesk } from './document-desk';
import { wholeOrEarly } from './early';
import { isAbsence } from '../files/file-places';
import { heldLifetimeSeconds } from '../freshness';
import { encodingTold } from '../bodies/head';
import type { HeldBodies } from '../bodies/held-body';
import type { Plan } from '../plan';
import { noSuchPart, variantOf, type Rendition, type Renditions } from './renditions';
import { strongEtag, type EngineRooms } from '../rooms';

/** Of one request: with the held document, with its rendering, and with neither. */
const MOST_ATTEMPTS = 3;

export class DocumentAnswers {
  constructor(
    private readonly rooms: EngineRooms,
    private readonly documents: DocumentDesk,
    private readonly renditions: Renditions,
    private readonly bodies: HeldBodies,
    private readonly dates: DocumentDates,
  ) {}

  /** A document; its answer may begin before it is there. @throws LarderError */
  get(plan: Plan, request: EngineRequest): Promise<Answer> {
    const { codec, vary, failure } = plan.route as DocumentRoute;
    const variant = variantOf(plan, this.asked(request));
    const contentType = codec?.early?.(variant);
    const whole = this.documentOrAbsent(plan, request);
    if (contentType === undefined) return whole;
    return wholeOrEarly(this.rooms, {
      key: plan.key,
      contentType,
      vary: varyOf(vary),
      whole,
      // To whom a failure is told by a closed connection, an answer that breaks off says no less.
      isArriving: () => (failure ?? 'status') !== 'status' || this.documents.isArriving(plan),
      identity: () => this.documentOrAbsent(plan, { ...request, gzip: false }),
    });
  }

  /** What the route says it means that the upstream has no such document, instead of the error. @throws LarderError */
  private async documentOrAbsent(plan: Plan, request: EngineRequest): Promise<Answer> {
    try {
      return await this.wholeDocument(plan, request);
    } catch (error) {
      const { absent } = plan.route as DocumentRoute;
      if (!absent || !isLarderError(error) || !isAbsence(error)) throw error;
      const cacheControl = `public, max-age=${Math.floor(this.rooms.config.negativeTtlSeconds)}`;
      return {
        outcome: 'miss',
        detail: 'absent',
        contentType: absent.contentType,
        cacheControl,
        vary: '',
        body: memorySource(absent.body),
      };
    }
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
    const lifetime = heldLifetimeSeconds(entry, plan.route, this.rooms.cache, this.rooms.config);
    const { vary } = plan.route as DocumentRoute;
    const about = {
      outcome,
      contentType: rendition.contentType,
      etag: rendition.etag,
      cacheControl: `public, max-age=${Math.floor(lifetime)}`,
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
      cacheControl: `public, max-age=${Math.floor(heldLifetimeSeconds(entry, plan.route, this.rooms.cache, this.rooms.config))}`,
      vary: '',
      confirmedAt: entry.checkedAt,
      etag: strongEtag(entry.integrity),
      ...(document.detail === undefined ? {} : { detail: document.detail }),
      ...(entry.contentType === undefined ? {} : { contentType: entry.contentType }),
      ...encodingTold(plan.route, entry.contentEncoding),
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
