/**
 * The engine of one cache, as a table of contents: plan the request, then documents, files, or pass it on.
 * Each way ends in an Answer that http/ sends, or in a LarderError that http/ turns into the ecosystem's error.
 */
import type { DescriptionRoute } from '../../caches/module';
import type { Origin } from '../config/config';
import { errorText, isLarderError, LarderError } from '../errors';
import { digestBuffer } from '../integrity/digest';
import { openAnnouncementHouse, type AnnouncementHouse } from './announcements/announcement-house';
import { Absences } from './documents/absences';
import type { Answer, EngineRequest } from './answer';
import { memorySource } from './bodies/body-source';
import { DocumentDates } from './documents/document-dates';
import { DocumentAnswers } from './documents/document-answers';
import { DocumentDesk } from './documents/document-desk';
import { FileDesk } from './files/file-desk';
import { FileHosts } from './files/file-hosts';
import { judge } from './freshness';
import { HeldBodies } from './bodies/held-body';
import { MirrorDesk } from './mirror/mirror-desk';
import { misplaced } from './files/misplaced';
import { NegativeCache } from './negative';
import { keyPrefix, planPinningDocument, planEncoding, planRequest, planTarget, type Plan } from './plan';
import { privateDocument } from './documents/private-document';
import { PrivateSources } from './files/private-sources';
import { Renditions } from './documents/renditions';
import { openRosterHouse, type RosterHouse, type RosterOptions } from './rosters/roster-house';
import { strongEtag, type EngineRooms } from './rooms';
import { elsewhere, whereSaid, type PassOn } from './where-said';
import { why } from './why';
import type { Seen } from './rosters/witness';

export type { PassOn } from './where-said';

export class Engine {
  private readonly negative: NegativeCache;
  private readonly bodies: HeldBodies;
  private readonly documents: DocumentDesk;
  private readonly files: FileDesk;
  private readonly documentAnswers: DocumentAnswers;
  private readonly sources: PrivateSources;
  private readonly rosterHouse: RosterHouse | undefined;
  private readonly announcements: AnnouncementHouse | undefined;
  /** For modules whose routes are mirrored; then it alone answers. */
  readonly mirror: MirrorDesk | undefined;

  /** @param rosters what it takes to deal with rosters; only for modules that have some */
  constructor(
    readonly rooms: EngineRooms,
    rosters?: RosterOptions,
  ) {
    this.negative = new NegativeCache(rooms.config.negativeTtlSeconds, rooms.now);
    this.bodies = new HeldBodies(rooms);
    this.sources = new PrivateSources(rooms.now);
    const hosts = new FileHosts(rooms);
    this.documents = new DocumentDesk(rooms, this.negative, this.bodies, hosts);
    const absences = new Absences(rooms, this.documents);
    this.files = new FileDesk(rooms, this.documents, this.bodies, this.negative, hosts, absences);
    const renditions = new Renditions(rooms, this.bodies, absences);
    this.documentAnswers = new DocumentAnswers(rooms, this.documents, renditions, this.bodies, new DocumentDates(rooms));
    this.mirror = rooms.module.routes.some(({ kind }) => kind === 'mirrored') ? new MirrorDesk(rooms, this.bodies) : undefined;
    const hasRosters = rosters && rooms.module.routes.some((route) => route.kind === 'roster');
    const hasAnnouncements = rooms.module.routes.some((route) => route.kind === 'announcement');
    this.announcements = hasAnnouncements ? openAnnouncementHouse(rooms, this.files, this.bodies, this.negative) : undefined;
    this.rosterHouse = hasRosters ? openRosterHouse(rooms, rosters, this.files, this.bodies, this.negative) : undefined;
  }

  /** Downloads under way: a cache with some is not idle. */
  get underWay(): number {
    const lists = (this.rosterHouse?.rosters.underWay ?? 0) + (this.announcements?.desk.underWay ?? 0);
    return this.documents.underWay + this.files.underWay + lists + (this.mirror?.underWay ?? 0);
  }

  /** What is to be said of lists of announcements; undefined where there are none. */
  get announced(): AnnouncementHouse['watch'] | undefined {
    return this.announcements?.watch;
  }

  /** What this process showed a client's address of a folder's rosters: sister processes ask. */
  witnessed(question: { readonly folder: string; readonly address: string }): Seen | undefined {
    return this.rosterHouse?.witness.shownTo(question.address, question.folder);
  }

  /** A client's connection ends before its answer was whole: it will go on over another one. */
  cutOff({ client, address }: Pick<EngineRequest, 'client' | 'address'>): void {
    this.rosterHouse?.witness.lose(client, address);
  }

  /** @throws LarderError */
  async answer(request: EngineRequest): Promise<Answer | PassOn> {
    const { module, cache } = this.rooms;
    const usual = planRequest(module, cache, request.method, request.target, request.origin);
    const plan = planEncoding(usual, () => request.zstd === true);
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
      if (plan.route.kind === 'announcement' && this.announcements) return await this.announcements.desk.get(plan, request);
      if (plan.route.kind === 'description') return await this.description(plan, request);
      if (plan.route.kind === 'roster' || plan.route.kind === 'listed') return await this.listed(plan, request);
      return await (plan.route.kind === 'document' ? this.documentAnswers.get(plan, request) : this.file(plan, request));
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
    const held = (await store.find(plan.key)) ?? (plan.encoded && (await store.find(plan.encoded.usual.key)));
    const verdict = passes ? undefined : judge(held, route, cache, config, now()).do;
    if (verdict === undefined || verdict === 'fetch' || verdict === 'revalidate') throw new LarderError('only-if-cached', { target });
  }

  /** What would be done with a target, for people who wonder. Asks nobody. @throws LarderError */
  async why(target: string, archive?: Origin): Promise<Record<string, unknown>> {
    const plan = planRequest(this.rooms.module, this.rooms.cache, 'GET', target, archive);
    if (plan.route.kind === 'mirrored') {
      const about = {
        target: plan.path,
        route: plan.route.name,
        kind: plan.route.kind,
        origin: plan.origin.name,
        key: plan.key,
        pin: null,
      };
      return { ...about, ...(await this.mirror?.why(plan)) };
    }
    return why({ rooms: this.rooms, documents: this.documents, house: this.rosterHouse }, plan);
  }

  /** Waits a moment for downloads under way, which then are kept for resuming. */
  async close(): Promise<void> {
    await this.files.close();
    await this.documents.close();
    await this.mirror?.close();
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

  /** A text about a file, which is fetched for it if need be. */
  private async description(plan: Plan, request: EngineRequest): Promise<Answer> {
    const route = plan.route as DescriptionRoute;
    const file = planTarget(this.rooms.module, this.rooms.cache, plan.origin, 'GET', route.file(plan.params));
    const { integrity, size } = await this.whereItIs(file, (there) => this.files.ensure(there));
    const sha256 = Buffer.from(integrity.slice('sha256-'.length), 'base64').toString('hex');
    const body = route.write(plan.params, { url: request.base + plan.mount + file.path, sha256, size });
    const { digests } = digestBuffer(body, ['sha256']);
    const etag = digests.sha256 === undefined ? {} : { etag: strongEtag(digests.sha256) };
    return { outcome: 'hit', contentType: route.contentType, cacheControl: 'no-cache', vary: '', body: memorySource(body), ...etag };
  }

  private whereItIs<T>(plan: Plan, work: (there: Plan) => Promise<T>): Promise<T> {
    return this.announcements ? this.announcements.whereItIs(plan, work) : work(plan);
  }

  private async file(plan: Plan, request: EngineRequest): Promise<Answer> {
    try {
      return await this.whereItIs(plan, (there) => this.files.get(there, request));
    } catch (error) {
      const elsewhere =
        isLarderError(error) && error.code === 'upstream-not-found' ? await misplaced(this.rooms, this.documents, plan) : undefined;
      if (!elsewhere) throw error;
      return this.files.get(elsewhere, request);
    }
  }
}
