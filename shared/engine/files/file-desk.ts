/** Files whose URL names their bytes for ever: held, under way, or to be fetched. */
import type { ImmutableRoute } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import { sriAgrees } from '../../integrity/sri';
import type { Entry } from '../../store/entry';
import type { UpstreamResponse } from '../../upstream/types';
import type { Absences } from '../documents/absences';
import type { Answer, EngineRequest } from '../answer';
import { ArchiveSource } from './archive-source';
import { memorySource, readThrough, sizeOnly } from '../bodies/body-source';
import type { DocumentDesk } from '../documents/document-desk';
import { EncodedFiles } from './encoded-files';
import { FileFlight, HOLD_BACK_BYTES } from './file-flight';
import type { FileHosts } from './file-hosts';
import type { FileClues } from './file-search';
import { FilePlaces, isAbsence } from './file-places';
import { aboutFile, aboutUnverified, pinEtag, standsInUntil } from './file-answer';
import { judge, type Verdict } from '../freshness';
import type { ListedPins } from '../rosters/listed-pins';
import { SMALL_BYTES, type HeldBodies } from '../bodies/held-body';
import type { NegativeCache } from '../negative';
import { pinSource, type PinSource } from './pin-source';
import type { Plan } from '../plan';
import { askPlace, isBeyond, isWholeRange, partOf, partSource, totalOf } from '../bodies/range-pass';
import { Replacements } from './replacements';
import { strongEtag, type EngineRooms } from '../rooms';

/** How often one request finds damaged bytes before it gives up (they cannot be moved aside). */
const MOST_DAMAGED = 2;

export class FileDesk {
  /** Keys whose flight is being prepared or under way. */
  private readonly flights = new Map<string, Promise<FileFlight | Entry>>();
  private readonly replacements: Replacements;
  private readonly encoded: EncodedFiles;
  private readonly archives: ArchiveSource;

  constructor(
    private readonly rooms: EngineRooms,
    private readonly desk: DocumentDesk,
    private readonly bodies: HeldBodies,
    private readonly negative: NegativeCache,
    private readonly hosts: FileHosts,
    private readonly absences: Absences,
  ) {
    this.replacements = new Replacements(rooms.log);
    this.archives = new ArchiveSource(rooms, bodies, this);
    this.encoded = new EncodedFiles(
      (plan, request) => this.found(plan, request),
      (plan) => this.heldIfGood(plan),
      rooms.now,
    );
  }

  get underWay(): number {
    return this.flights.size;
  }

  /** Indexes of rosters promise files too: from now on those are asked for routes with `listedIn`. */
  listedPins: Pick<ListedPins, 'known' | 'source'> | undefined;

  /** Sees to it that a file is held. @throws LarderError if it cannot be had, or not be stored */
  async ensure(plan: Plan): Promise<Entry> {
    const stored = await this.verified(plan);
    if (!stored) throw new LarderError('overloaded', { what: 'nothing can be stored now' });
    return stored;
  }

  /** Sees to it that a file is verified, and held if anything can be. @returns undefined: it cannot be stored @throws LarderError */
  async verified(plan: Plan): Promise<Entry | undefined> {
    const entry = await this.rooms.store.find(plan.key);
    if (entry) return entry;
    this.negative.check(plan.key);
    const flight = await (this.flights.get(plan.key) ?? this.begin(plan));
    if (!('reader' in flight)) return flight;
    // Where nothing can be stored there is a window in memory, which moves only with a reader.
    await readThrough(flight.reader());
    await flight.verified;
    return flight.settled;
  }

  /** Stops every download under way; what came is kept for resuming. */
  async close(): Promise<void> {
    const flights = await Promise.allSettled(this.flights.values());
    const begun = flights.flatMap((flight) => (flight.status === 'fulfilled' && 'reader' in flight.value ? [flight.value] : []));
    await Promise.all(begun.map((flight) => flight.stop()));
  }

  /** @throws LarderError */
  get(plan: Plan, request: EngineRequest): Promise<Answer> {
    return this.encoded.get(plan, request);
  }

  private async heldIfGood(plan: Plan): Promise<Answer | undefined> {
    const entry = await this.rooms.store.find(plan.key);
    return entry && this.verdict(plan, entry).do === 'serve' ? this.held(plan, entry) : undefined;
  }

  private verdict(plan: Plan, entry: Entry | undefined): Verdict {
    return judge(entry, plan.route, this.rooms.cache, this.rooms.config, this.rooms.now());
  }

  private async found(plan: Plan, request: EngineRequest): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const entry = await this.rooms.store.find(plan.key);
      const verdict = this.verdict(plan, entry);
      if (verdict.do === 'refuse') {
        throw new LarderError('digest-changed', {
          target: plan.path,
          held: verdict.held,
          promised: verdict.promised,
          cache: this.rooms.cache.name,
        });
      }
      if (verdict.do !== 'serve' || !entry || (await this.isReplaced(plan, entry))) {
        const answer = await this.fetch(plan, request);
        if (answer) return answer;
        continue;
      }
      try {
        return await this.held(plan, entry);
      } catch (error) {
        // The bytes may be good: they stay, and this client gets the upstream's.
        if (isLarderError(error) && error.code === 'held-unreadable' && !this.rooms.config.offline) return this.unshared(plan);
        // Damaged bytes were quarantined: what was a hit becomes a fetch.
        if (!isLarderError(error) || error.code !== 'integrity' || attempt > MOST_DAMAGED) throw error;
      }
    }
  }

  private promises(plan: Plan): Promise<PinSource> {
    const isListed = this.listedPins && (plan.route as ImmutableRoute).listedIn;
    return isListed && this.listedPins ? this.listedPins.source(plan) : pinSource(this.rooms, this.desk, plan);
  }

  /**
   * Whether the current indexes promise other bytes under this name (third-party archives replace files): those are followed. Or whether the
   * usual file has stood in for an encoding for so long that the upstream may have got that.
   */
  private async isReplaced(plan: Plan, entry: Entry): Promise<boolean> {
    if (plan.encoded) return this.rooms.now() >= standsInUntil(plan, entry);
    if (!this.listedPins || !(plan.route as ImmutableRoute).listedIn) return false;
    const promised = (await this.listedPins.known(plan))?.integrity;
    if (promised === undefined || sriAgrees(promised, entry.integrity) !== false) return false;
    this.replacements.tell(entry, promised);
    return true;
  }

  private async held(plan: Plan, entry: Entry): Promise<Answer> {
    this.rooms.store.used(entry.key);
    const dated = plan.route.dated === true ? new Date(entry.storedAt).toUTCString() : undefined;
    const modified = entry.lastModified ?? dated;
    const about = aboutFile(plan, entry.contentType, strongEtag(entry.integrity), modified, entry.contentEncoding);
    if (entry.size > SMALL_BYTES) return { ...about, outcome: 'hit', confirmedAt: entry.checkedAt, body: await this.bodies.open(entry) };
    const bytes = await this.bodies.readSmall(entry);
    const ready = { bytes, freshUntil: standsInUntil(plan, entry), usedKey: entry.key };
    return { ...about, outcome: 'hit', confirmedAt: entry.checkedAt, body: memorySource(bytes), ready };
  }

  /** @returns undefined if another fetch has just ended without success, so that everything is to be looked at again */
  private async fetch(plan: Plan, request: EngineRequest): Promise<Answer | undefined> {
    this.negative.check(plan.key);
    if (this.rooms.config.offline) throw new LarderError('offline', { target: plan.path });
    // A part of something that is not held yet costs the part, not the whole.
    if ((request.method === 'HEAD' || !isWholeRange(request.range)) && !(await this.isNear(plan, request))) {
      const answer = request.method === 'HEAD' ? await this.facts(plan) : await this.part(plan, request.range ?? '', request.ifRange);
      if (answer) return answer;
    }
    const flight = await (this.flights.get(plan.key) ?? this.begin(plan));
    if (!('reader' in flight)) return this.held(plan, flight);
    if (flight.ended) {
      await flight.settled;
      return undefined;
    }
    if (!flight.joinable) return this.unshared(plan);
    return this.following(plan, flight);
  }

  /** Whether a download under way has, or will have next, what is asked for. */
  private async isNear(plan: Plan, request: EngineRequest): Promise<boolean> {
    const flight = await this.flights.get(plan.key)?.catch(() => undefined);
    if (!flight) return false;
    if (!('reader' in flight) || request.method === 'HEAD') return true;
    return flight.reaches(Number(/^bytes=(\d+)-/.exec(request.range ?? '')?.[1] ?? Infinity));
  }

  private async following(plan: Plan, flight: FileFlight): Promise<Answer> {
    const body = flight.reader();
    try {
      const head = await flight.head;
      // Nothing of a small body goes out before it is verified, so that a bad one is an honest error instead of a cut connection.
      if (head.total !== undefined && head.total <= HOLD_BACK_BYTES) await flight.verified;
      const etag = pinEtag(head.pin, plan);
      return { ...aboutFile(plan, await flight.contentType(), etag, head.lastModified, head.contentEncoding), outcome: 'miss', body };
    } catch (error) {
      body.close();
      this.negative.learn(plan.key, error);
      throw error;
    }
  }

  /** Single flight per key, also while it is being prepared. */
  private begin(plan: Plan): Promise<FileFlight | Entry> {
    const flight = this.prepare(plan);
    this.flights.set(plan.key, flight);
    const gone = (): void => void (this.flights.get(plan.key) === flight && this.flights.delete(plan.key));
    flight.then((begun) => ('reader' in begun ? begun.settled.then(gone) : gone()), gone);
    flight
      .then((begun) => ('reader' in begun ? begun.verified : undefined))
      .catch((error: unknown) => {
        this.encoded.failed(plan, error);
        return isLarderError(error) && isAbsence(error) ? this.absences.note(plan) : undefined;
      });
    return flight;
  }

  private async prepare(plan: Plan): Promise<FileFlight | Entry> {
    // Look again: a flight may have ended between our look and now (groupcache's interleaving).
    const entry = await this.rooms.store.find(plan.key);
    const isGood = entry && this.verdict(plan, entry).do === 'serve';
    if (isGood && !(await this.isReplaced(plan, entry))) return entry;
    return new FileFlight(this.rooms, plan, await this.clues(plan), await this.rooms.spools.open(plan.key));
  }

  /** A flight that cannot be joined any more (nothing is being stored), or the held bytes cannot be read: this client gets a fetch of its own. */
  private async unshared(plan: Plan): Promise<Answer> {
    const flight = new FileFlight(this.rooms, plan, await this.clues(plan), this.rooms.spools.none());
    return this.following(plan, flight);
  }

  /**
   * A part, as the upstream sends it: not verified, not stored, and marked so.
   * @returns undefined if the upstream gives no parts, or the client's part may be of other bytes: then the whole has to come
   */
  private async part(plan: Plan, range: string, ifRange: string | undefined): Promise<Answer | undefined> {
    const { pins, places } = await this.clues(plan);
    if (ifRange !== undefined && ifRange.trim() !== pinEtag(pins.known(), plan)) return undefined;
    const response = await this.askPart(plan, places, range);
    if (!response) return undefined;
    const part = partOf(response, range);
    const about = { ...aboutUnverified(plan, response, pins.known()), detail: 'range' };
    if (part) return { ...about, part, body: partSource(response, part) };
    response.body.destroy();
    const total = response.status === 416 ? totalOf(response) : undefined;
    return total !== undefined && isBeyond(range, total) ? { ...about, body: sizeOnly(total) } : undefined;
  }

  /** What HEAD tells. The upstream's own HEAD often lies, so its first byte is asked for. */
  private async facts(plan: Plan): Promise<Answer | undefined> {
    const { pins, places } = await this.clues(plan);
    const response = await this.askPart(plan, places, 'bytes=0-0');
    if (!response) return undefined;
    response.body.destroy();
    const about = { ...aboutUnverified(plan, response, pins.known()), detail: 'head', body: sizeOnly(totalOf(response)) };
    return response.status === 200 ? { ...about, wholeOnly: true } : about;
  }

  /** @returns undefined if only its archive may have it @throws LarderError */
  private async askPart(plan: Plan, places: FilePlaces, range: string): Promise<UpstreamResponse | undefined> {
    try {
      return (await this.locate(plan, range, places)).response;
    } catch (error) {
      if (!isLarderError(error) || !isAbsence(error)) throw error;
      if ((plan.route as ImmutableRoute).memberOf?.(plan.params)) return undefined;
      this.negative.learn(plan.key, error);
      await this.absences.note(plan);
      throw error;
    }
  }

  /** Asks the places where a file may be for a part of it. @throws LarderError */
  async locate(plan: Plan, range: string, known?: FilePlaces): Promise<{ path: string; response: UpstreamResponse }> {
    const places = known ?? (await this.clues(plan)).places;
    let worst: LarderError | undefined;
    for (let path: string | undefined = await places.first(); path !== undefined;) {
      const response = await askPlace(this.rooms, plan, path, range);
      if (!('code' in response)) return { path, response };
      if (worst === undefined || isAbsence(worst)) worst = response;
      path = await places.next(this.rooms.config.timeouts.headersMs);
    }
    if (worst && isAbsence(worst)) throw places.undecided() ?? worst;
    throw worst ?? new LarderError('internal', { reason: 'a file has no address' });
  }

  /** What judges a file, and where it may be. */
  private async clues(plan: Plan): Promise<FileClues> {
    const route = plan.route as ImmutableRoute;
    const [pins, guess] = await Promise.all([this.promises(plan), route.pinnedBy ? this.hosts.base(plan.origin) : undefined]);
    const places = new FilePlaces(this.rooms, plan, pins, guess);
    return { pins, places, ...(route.memberOf ? { takeOut: () => this.archives.takeOut(plan) } : {}) };
  }
}
